// What is to be asked before a camera opens.

export const PURPOSES = ["personal", "research", "driving", "demonstration", "workplace", "education"];

// For these the European Union forbids reading emotions from faces: AI Act, article 5(1)(f).
const FORBIDDEN = ["workplace", "education"];

/** Whether facial expressions are read for a purpose. */
export function readsExpressions(purpose) {
  return !FORBIDDEN.includes(purpose);
}

/** Whether a source is a camera on the server's side, there or on the network; "auto" may be one. */
export function isServerCamera(source) {
  return source === "auto" || /^\d+$/.test(source) || source.startsWith("/dev/") || source.includes("://");
}

/** Whether the server's camera is open, by its status. */
export function serverCameraOn(status) {
  const { source, consent } = status ?? {};
  if (!source || source.state !== "live" || !isServerCamera(source.source)) return false;
  return source.source !== "auto" || Boolean(consent?.needed && consent.given);
}

/**
 * Which camera to ask about: "server", "browser" or null for none.
 * @param {object} state
 * @param {{needed: boolean, given: boolean} | null} state.consent what the server says; null: it does not ask
 * @param {string | null} state.wanted a source that was chosen here and waits for an answer
 * @param {string} state.source the present source
 * @param {boolean} state.sending a browser's camera is being sent, by whomever
 * @param {boolean} state.declined "not now" was said
 * @param {boolean} state.watching the page watches
 */
export function asks({ consent, wanted, source, sending, declined, watching }) {
  if (!watching) return null;
  if (wanted === "browser") return "browser";
  if (wanted !== null) return consent && !consent.given ? "server" : null;
  if (declined) return null;
  if (source === "browser") return sending ? null : "browser";
  return consent?.needed && !consent.given ? "server" : null;
}
