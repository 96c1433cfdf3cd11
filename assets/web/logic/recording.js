// A recording: what the page offers, by what the server says of it, and ranges that are left out.

/** What to show. */
export function offers(server, agreed) {
  const state = server?.state ?? "off";
  const recording = state === "recording";
  return { state, recording, canStart: state !== "recording" && agreed, canMark: recording };
}

/** The pages and files of a recording by kind. */
export function files(id) {
  const base = `/api/sessions/${encodeURIComponent(id)}`;
  return { csv: `${base}/events.csv`, jsonl: `${base}/events.jsonl`, report: `${base}/report.html` };
}

/** The first press says from when to leave out, the second until when. */
export class Exclusion {
  #from = null;

  get from() {
    return this.#from;
  }

  /** Takes a press at a time of the recording in s; the range when it is complete, else null. */
  press(at) {
    if (this.#from === null) {
      this.#from = at;
      return null;
    }
    const range = { from: Math.min(this.#from, at), to: Math.max(this.#from, at) };
    this.#from = null;
    return range.to > range.from ? range : null;
  }

  reset() {
    this.#from = null;
  }
}
