// What a screen reader is told: never twice in a row, and not more often than every few seconds.

const PAUSE_MS = 3000;

export class Announcer {
  #say;
  #later;
  #last = "";
  #saidAt = -Infinity;
  #waiting = null;

  /**
   * @param {(text: string) => void} say puts the text where screen readers hear it
   * @param {(run: () => void, ms: number) => void} later runs something after some time
   */
  constructor(say, later = (run, ms) => setTimeout(run, ms)) {
    this.#say = say;
    this.#later = later;
  }

  /** Tells a change; of several within the pause only the newest is told, if it is news by then. */
  tell(text, now = performance.now()) {
    if (this.#waiting !== null) {
      this.#waiting = text;
      return;
    }
    const wait = this.#saidAt + PAUSE_MS - now;
    if (wait <= 0) return this.#now(text, now);
    this.#waiting = text;
    this.#later(() => {
      const newest = this.#waiting;
      this.#waiting = null;
      this.#now(newest, now + wait);
    }, wait);
  }

  /** Tells what was asked for, at once. */
  answer(text, now = performance.now()) {
    this.#last = "";
    this.#now(text, now);
  }

  #now(text, now) {
    if (text === this.#last) return;
    this.#last = text;
    this.#saidAt = now;
    this.#say(text);
  }
}
