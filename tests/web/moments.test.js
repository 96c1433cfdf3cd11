// ISSM's moments in words and colours, and the measured latency.
import assert from "node:assert/strict";
import { test } from "node:test";
import { latency, median } from "../../assets/web/logic/latency.js";
import { between, mostFractional, nearestGroups, rangeOf, shade } from "../../assets/web/logic/moments.js";

test("a moment belongs to the group that samples nearest", () => {
  assert.deepEqual(nearestGroups(4, [0.2, 2.1], [1.4, 2.8]), ["static", "dynamic", "static", "dynamic"]);
});

test("a position between two moments reads both in proportion", () => {
  const { a, b, first, second } = between(3.25);
  assert.deepEqual([a, b, first, second], [3, 4, 0.75, 0.25]);
  assert.equal(mostFractional([1, 3.3, 5.48, 7.9]), 5.48);
  assert.equal(mostFractional([1, 2.01, 15]), null, "whole ones are no example");
  assert.equal(mostFractional([]), null);
});

test("colours go from the lowest to the highest value", () => {
  const range = rangeOf([[0.3, 0.2], [0.4, 0.6]]);
  assert.deepEqual(range, { low: 0.2, high: 0.6 });
  assert.equal(shade(1, range), 1);
  assert.equal(shade(0.2, range), 0);
  assert.ok(Math.abs(shade(0.4, range) - 0.5) < 1e-9);
  assert.equal(shade(0.3, { low: 0.3, high: 0.3 }), 1);
});

test("latency is the sum of parts that were all measured, or nothing", () => {
  const status = { latency_ms: { frame_to_picture: { median: 10 } }, encoders: [{ encode_ms: { median: 1.5 } }] };
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([]), null);
  assert.deepEqual(latency(status, 2, [20, 18, 40]), { server: 11.5, network: 1, browser: 20, sum: 32.5 });
  assert.equal(latency(status, null, [20]), null);
  assert.equal(latency(status, 2, []), null);
  assert.equal(latency({ latency_ms: {} }, 2, [20]), null);
  assert.equal(latency(null, 2, [20]), null);
});
