// The page's time of what the server timed: results are placed by when they were, not when they came.

// How fast the offset may rise again, in ms per ms: clocks differ by far less, and a wrong low one wears off.
const DRIFT = 0.0005;

export class ServerClock {
  #offset = null;
  #noted = 0;

  /** Takes the server's time in s of a result that came at `nowMs`; the quickest one tells the offset. */
  note(serverS, nowMs) {
    const sample = nowMs - serverS * 1000;
    const allowed = this.#offset === null ? sample : this.#offset + DRIFT * (nowMs - this.#noted);
    // a server that was started again counts from zero: its results seem to be from the future or long past
    this.#offset = Math.abs(sample - allowed) > 5000 ? sample : Math.min(sample, allowed);
    this.#noted = nowMs;
    return this.toPage(serverS);
  }

  /** The page's time in ms of a server's time in s, null before the first result. */
  toPage(serverS) {
    return this.#offset === null ? null : serverS * 1000 + this.#offset;
  }

  reset() {
    this.#offset = null;
  }
}
