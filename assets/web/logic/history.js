// What was read of each face in the last minute, and what it was at any moment of it.

export const SPAN_MS = 60_000;
// Between results further apart nothing is known: no line is drawn through it.
export const GAP_MS = 1000;
// So long a newest value stands before it counts as old.
export const HOLD_MS = 250;

export class History {
  #faces = new Map(); // id: points in order of time
  #spanMs;

  constructor(spanMs = SPAN_MS) {
    this.#spanMs = spanMs;
  }

  /** The faces that have points, in order of their numbers. */
  get faces() {
    return [...this.#faces.keys()].sort((a, b) => a - b);
  }

  /**
   * Adds a result. One that is not newer than the last is ignored: the channel may swap them.
   * @param {number} face its number
   * @param {number} at page time, ms
   * @param {number[]} values one for each label, 0 to 1
   * @param {{unsure: boolean}} more what else is to be known of it
   */
  add(face, at, values, more = { unsure: false }) {
    if (!this.#faces.has(face)) this.#faces.set(face, []);
    const points = this.#faces.get(face);
    if (points.length && at <= points.at(-1).at) return false;
    points.push({ at, values, ...more });
    this.#trim(at);
    return true;
  }

  clear() {
    this.#faces.clear();
  }

  /** The time of a face's newest result in ms, null without one. */
  newest(face) {
    return this.#faces.get(face)?.at(-1)?.at ?? null;
  }

  /** The values of a face at a time, between two results in proportion; null where nothing is known. */
  at(face, at) {
    const points = this.#faces.get(face);
    if (!points?.length) return null;
    const after = firstFrom(points, at);
    if (after === points.length) return at - points.at(-1).at <= HOLD_MS ? points.at(-1) : null;
    const right = points[after];
    if (right.at === at) return right;
    if (after === 0) return null;
    const left = points[after - 1];
    if (right.at - left.at > GAP_MS) return null;
    const share = (at - left.at) / (right.at - left.at);
    const values = left.values.map((value, index) => value + (right.values[index] - value) * share);
    return { at, values, unsure: share < 0.5 ? left.unsure : right.unsure };
  }

  #trim(now) {
    const oldest = now - this.#spanMs - GAP_MS;
    for (const [face, points] of [...this.#faces]) {
      const keep = firstFrom(points, oldest);
      if (keep > 0) points.splice(0, keep);
      if (!points.length) this.#faces.delete(face);
    }
  }
}

// The index of the first point at or after a time.
function firstFrom(points, at) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
