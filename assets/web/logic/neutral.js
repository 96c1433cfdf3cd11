// The neutral face: what the page offers, by what the server says of it and what this browser keeps.

export const STORE_KEY = "ifdd-live.neutral";

/**
 * What to show.
 * @param {{state: string, progress: number, left_s: number, message: string} | null} server
 * @param {{at: string, neutral: object} | null} kept what this browser keeps
 */
export function offers(server, kept) {
  const state = server?.state ?? "none";
  const running = state === "running";
  return {
    state,
    running,
    progress: running ? clamp(server.progress) : 0,
    left: running ? Math.max(0, Math.ceil(server.left_s)) : 0,
    canReset: state === "ready",
    canUseKept: kept !== null && (state === "none" || state === "failed"),
    hasKept: kept !== null,
  };
}

/** What to keep, as text; null where there is nothing to keep. */
export function keep(server, at) {
  if (server?.state !== "ready" || !server.neutral) return null;
  return JSON.stringify({ at, neutral: server.neutral });
}

/** What was kept; null where it is missing or is not what was kept. */
export function readKept(text) {
  try {
    const kept = JSON.parse(text);
    const fits = typeof kept?.at === "string" && typeof kept.neutral === "object" && kept.neutral !== null;
    return fits ? { at: kept.at, neutral: kept.neutral } : null;
  } catch {
    return null;
  }
}

function clamp(share) {
  return Math.min(1, Math.max(0, share));
}
