// Events per second over the last seconds.

export class Rate {
  #span;
  #marks = [];

  constructor(spanMs = 3000) {
    this.#span = spanMs;
  }

  mark(now = performance.now()) {
    this.#marks.push(now);
    this.#trim(now);
  }

  perSecond(now = performance.now()) {
    this.#trim(now);
    const { length } = this.#marks;
    if (length < 2) return 0;
    return ((length - 1) * 1000) / (this.#marks[length - 1] - this.#marks[0]);
  }

  clear() {
    this.#marks = [];
  }

  #trim(now) {
    const first = this.#marks.findIndex((each) => each >= now - this.#span);
    this.#marks.splice(0, first < 0 ? this.#marks.length : first);
  }
}
