// Requests to this server. The stream that is looked at goes with each: at first the one in the page's address.

const TIMEOUT_MS = 5000;
let looked = new URLSearchParams(location.search).get("stream") ?? "";

/** The stream that is looked at; "" for the server's first. */
export const stream = () => looked;

/** Looks at another stream from now on; the page's address follows, so that it can be loaded again. */
export function useStream(name) {
  looked = name;
  const address = new URL(location.href);
  address.searchParams.set("stream", name);
  history.replaceState(null, "", address);
}

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

/** A path with a stream added, else the one that is looked at. */
export function ofStream(path, name = looked) {
  if (!name) return path;
  return `${path}${path.includes("?") ? "&" : "?"}stream=${encodeURIComponent(name)}`;
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
