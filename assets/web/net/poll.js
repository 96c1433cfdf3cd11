// Asks the server for something again and again, while the page can be seen.

import { ask, Refusal, stream } from "./api.js";

const RETRY_MS = 1000;
// To a question: there is no such thing in this run, for instance in the driver profile.
const NOT_NOW = 409;

export class Poll {
  #path;
  #onAnswer;
  #onSilence;
  #everyMs = 0;
  #timer = 0;
  #asking = null;
  #missing = false;
  #on = false;

  /**
   * @param {string} path
   * @param {(answer: object | null) => number} onAnswer takes the answer, null where the server has no such
   *   thing, and returns after how many ms to ask again
   * @param {() => void} onSilence told when the server does not answer
   */
  constructor(path, onAnswer, onSilence = () => {}) {
    this.#path = path;
    this.#onAnswer = onAnswer;
    this.#onSilence = onSilence;
    document.addEventListener("visibilitychange", () => !document.hidden && this.now());
  }

  /** Asks from now on; also again what was missing. */
  start() {
    this.#on = true;
    this.#missing = false;
    return this.now();
  }

  stop() {
    this.#on = false;
    clearTimeout(this.#timer);
  }

  /** Asks at once; resolves when the answer was taken. */
  async now() {
    clearTimeout(this.#timer);
    if (!this.#on || this.#missing) return;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
    clearTimeout(this.#timer);
    if (this.#on && !this.#missing && !document.hidden) {
      this.#timer = setTimeout(() => this.now(), this.#everyMs);
    }
  }

  async #ask() {
    let answer = null;
    const asked = stream();
    try {
      answer = await ask(this.#path);
    } catch (error) {
      this.#missing = error instanceof Refusal && (error.missing || error.status === NOT_NOW);
      if (!this.#missing && asked === stream()) {
        this.#everyMs = RETRY_MS;
        return this.#onSilence();
      }
    }
    if (asked !== stream()) {
      this.#missing = false;
      return this.#ask(); // another stream was chosen meanwhile: this answer is none
    }
    this.#everyMs = await this.#onAnswer(answer);
  }
}
