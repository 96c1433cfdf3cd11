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
    canDownload: state === "ready" && gain(server) >= 0,
    canClaim: state === "ready" && !server.active && gain(server) >= 0,
    verdict: state === "ready" ? verdict(server) : null,
  };
}

// Percentage points gained on the held-back frames.
function gain({ before, after }) {
  return before && after ? Math.round((after.accuracy - before.accuracy) * 100) : 0;
}

// What the held-back frames say, as a key and the difference in percentage points. What reads worse than
// before is not used; what is not used though it reads better belongs to a face that is not in view.
function verdict(server) {
  const points = gain(server);
  if (points < 0) return { key: "teach.worse", points: -points };
  if (!server.active) return { key: "teach.away", points };
  return { key: points > 0 ? "teach.better" : "teach.equal", points };
}
