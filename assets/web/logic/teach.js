// "Teach it my face": what the page offers, by what the server says of it.

/** What to show, by the server's answer. */
export function offers(server) {
  const state = server?.state ?? "idle";
  const running = state === "running";
  return {
    state,
    running,
    busy: running || state === "fitting",
    progress: running ? Math.min(1, Math.max(0, server.progress)) : 0,
    left: running ? Math.max(0, Math.ceil(server.left_s)) : 0,
    label: running ? (server.label ?? null) : null,
    hold: running && server.phase === "hold",
    canForget: state === "ready",
    canDownload: state === "ready",
    verdict: state === "ready" ? verdict(server) : null,
  };
}

// What the held-back frames say, as a key and the difference in percentage points.
function verdict({ before, after, active }) {
  if (!before || !after) return { key: active ? "teach.better" : "teach.unused", points: 0 };
  const points = Math.round((after.accuracy - before.accuracy) * 100);
  if (!active) return { key: points > 0 ? "teach.unused" : "teach.same", points: Math.abs(points) };
  return { key: points >= 0 ? "teach.better" : "teach.used", points: Math.abs(points) };
}
