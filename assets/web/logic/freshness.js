// What is old must not look like now: after a second without a result it fades, after three it goes.

export const FADE_MS = 1000;
export const GONE_MS = 3000;

/** "fresh", "stale" or "gone", by the age of the newest result in ms. */
export function freshness(ageMs) {
  if (ageMs <= FADE_MS) return "fresh";
  return ageMs <= GONE_MS ? "stale" : "gone";
}
