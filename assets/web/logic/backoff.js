// How long to wait before the next attempt to connect: soon at first, then less and less often.

const WAITS_MS = [300, 600, 1200, 2500, 5000];

export class Backoff {
  #attempt = 0;

  /** The wait before the next attempt, in ms. */
  next() {
    const wait = WAITS_MS[Math.min(this.#attempt, WAITS_MS.length - 1)];
    this.#attempt += 1;
    return wait;
  }

  /** An attempt has succeeded. */
  reset() {
    this.#attempt = 0;
  }
}
