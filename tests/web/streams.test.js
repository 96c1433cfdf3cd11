// The words of the small pictures, where there are several streams.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beside, Labels, stateOf } from "../../assets/web/logic/streams.js";

const reading = (face, label) => ({ face, label, probabilities: { [label]: 1 } });

test("a small picture tells its source's state, or that it rests", () => {
  assert.equal(stateOf(null, false), "connecting");
  assert.equal(stateOf({ state: "strange" }, false), "connecting");
  for (const state of ["live", "opening", "waiting", "lost", "ended"]) assert.equal(stateOf({ state }, false), state);
  assert.equal(stateOf({ state: "live" }, true), "paused");
});

test("the streams beside one go round", () => {
  const streams = ["a", "b", "c"];
  assert.deepEqual([beside(streams, "a", 1), beside(streams, "c", 1), beside(streams, "a", -1)], ["b", "a", "c"]);
  assert.equal(beside(streams, "gone", 1), "a");
});

test("each face has its newest label, in order, until it is lost or old", () => {
  const labels = new Labels();
  labels.add(reading(2, "sad"), 0);
  labels.add(reading(1, "happy"), 100);
  labels.add(reading(2, "unsure"), 200);
  labels.add({ event: "face_found", face: 3 }, 200);
  assert.deepEqual(labels.list(300), [{ face: 1, label: "happy" }, { face: 2, label: "unsure" }]);
  labels.add({ event: "face_lost", face: 1 }, 400);
  assert.deepEqual(labels.list(500), [{ face: 2, label: "unsure" }]);
  assert.deepEqual(labels.list(3300), []);
});

test("the driver's state stands before faces and goes when it is old", () => {
  const labels = new Labels();
  labels.add({ event: "driver_state", state: "WATCHING" }, 0);
  labels.add(reading(1, "happy"), 0);
  assert.deepEqual(labels.list(100), [{ face: null, label: "WATCHING" }, { face: 1, label: "happy" }]);
  assert.deepEqual(labels.list(9000), []);
  labels.add({ event: "driver_state", state: "WATCHING" }, 9000);
  labels.clear();
  assert.deepEqual(labels.list(9001), []);
});
