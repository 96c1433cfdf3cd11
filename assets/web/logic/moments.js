// The moments of a window and how ISSM's fractional positions read them.

/** For each moment the group that samples nearest to it: "static" or "dynamic". */
export function nearestGroups(count, fixed, moving) {
  const nearest = (positions, index) => Math.min(...positions.map((each) => Math.abs(each - index)));
  return Array.from({ length: count }, (_, index) =>
    nearest(fixed, index) <= nearest(moving, index) ? "static" : "dynamic",
  );
}

/** The two moments between which a position lies, and how much it reads of each. */
export function between(position) {
  const a = Math.floor(position);
  const share = position - a;
  return { a, b: a + 1, first: 1 - share, second: share };
}

/** The position that lies most between two moments: the best example of a fraction; null without any. */
export function mostFractional(positions) {
  let best = null;
  for (const each of positions) {
    const distance = Math.abs(each - Math.round(each));
    if (best === null || distance > best.distance) best = { position: each, distance };
  }
  return best && best.distance > 0.05 ? best.position : null;
}

/** The lowest and the highest value of a matrix. */
export function rangeOf(matrix) {
  const values = matrix.flat();
  return { low: Math.min(...values), high: Math.max(...values) };
}

/** A correlation's place in the range, 0 to 1. */
export function shade(value, { low, high }) {
  if (high - low < 1e-9) return 1;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}
