// Requests to this server. The stream that the page's address names goes with each.

const TIMEOUT_MS = 5000;

export class Refusal extends Error {
  /**
   * @param {number} status of the answer
   * @param {string} line what the server said
   */
  constructor(status, line) {
    super(line);
    this.status = status;
  }

  /** True where this server has no such thing at all. */
  get missing() {
    return this.status === 404 || this.status === 405;
  }
}

/** A path with the stream of the page's own address added. */
export function ofStream(path, search = location.search) {
  const stream = new URLSearchParams(search).get("stream");
  if (!stream) return path;
  return `${path}${path.includes("?") ? "&" : "?"}stream=${encodeURIComponent(stream)}`;
}

/**
 * The answer's JSON.
 * @throws {Refusal} the server said no
 */
export async function ask(path, { method = "GET", body, timeoutMs = TIMEOUT_MS } = {}) {
  const options = { method, signal: AbortSignal.timeout(timeoutMs) };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(ofStream(path), options);
  const text = await response.text();
  if (!response.ok) throw new Refusal(response.status, text.trim().split("\n")[0] || String(response.status));
  return text ? JSON.parse(text) : null;
}

export const post = (path, body = {}) => ask(path, { method: "POST", body });
export const put = (path, body) => ask(path, { method: "PUT", body });
export const remove = (path) => ask(path, { method: "DELETE" });
