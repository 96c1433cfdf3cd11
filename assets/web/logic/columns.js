// Which columns of pixels of a scrolling chart are due, so that each is drawn once and then only moved.

export class Columns {
  #perColumnMs;
  #done = null; // number of the newest column drawn, counted from time zero
  #touched = Infinity; // from this one on, drawn ones are to be drawn again

  /**
   * @param {number} width columns
   * @param {number} spanMs time that the whole width shows
   */
  constructor(width, spanMs) {
    this.width = width;
    this.#perColumnMs = spanMs / width;
  }

  /** The number of the column that holds a time in ms. */
  numberAt(at) {
    return Math.floor(at / this.#perColumnMs);
  }

  /** The time in the middle of a column, ms. */
  timeOf(number) {
    return (number + 0.5) * this.#perColumnMs;
  }

  /** Where a column lies while `newest` is the rightmost one: 0 is the left edge. */
  xOf(number, newest) {
    return this.width - 1 - (newest - number);
  }

  /** The columns to draw now, first and last, and by how many to move; null when nothing is due. */
  due(at) {
    const newest = this.numberAt(at);
    if (this.#done !== null && newest <= this.#done) return null;
    const shift = this.#done === null ? this.width : Math.min(this.width, newest - this.#done);
    const first = Math.max(newest - this.width + 1, Math.min(newest - shift + 1, this.#touched));
    this.#done = newest;
    this.#touched = Infinity;
    return { first, last: newest, shift };
  }

  /** What is known from a time on has changed: those columns are drawn again with the next that is due. */
  touch(at) {
    this.#touched = Math.min(this.#touched, this.numberAt(at));
  }

  /** Everything is to be drawn again. */
  reset() {
    this.#done = null;
  }
}
