// What the timeline stands on: history, columns, the server's clock, freshness, back-off, rates.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../assets/web/logic/backoff.js";
import { Columns } from "../../assets/web/logic/columns.js";
import { freshness } from "../../assets/web/logic/freshness.js";
import { GAP_MS, History } from "../../assets/web/logic/history.js";
import { Rate } from "../../assets/web/logic/rate.js";
import { ServerClock } from "../../assets/web/logic/serverclock.js";

test("between two results the values are in proportion", () => {
  const history = new History();
  history.add(1, 1000, [0, 1]);
  history.add(1, 1400, [1, 0]);
  assert.deepEqual(history.at(1, 1100).values, [0.25, 0.75]);
  assert.deepEqual(history.at(1, 1400).values, [1, 0]);
  assert.equal(history.at(1, 999), null, "before the first nothing is known");
});

test("nothing is drawn through a gap", () => {
  const history = new History();
  history.add(1, 0, [0]);
  history.add(1, GAP_MS + 1, [1]);
  assert.equal(history.at(1, GAP_MS / 2), null);
  history.add(1, 2 * GAP_MS, [1]);
  assert.notEqual(history.at(1, 1.5 * GAP_MS), null);
});

test("the newest result of a face is known by its time", () => {
  const history = new History();
  assert.equal(history.newest(1), null);
  history.add(1, 700, [1]);
  assert.equal(history.newest(1), 700);
});

test("the newest value stands for a quarter of a second, no longer", () => {
  const history = new History();
  history.add(1, 5000, [0.5]);
  assert.deepEqual(history.at(1, 5200).values, [0.5]);
  assert.equal(history.at(1, 5300), null);
});

test("a result that comes out of order is left out", () => {
  const history = new History();
  assert.equal(history.add(1, 200, [1]), true);
  assert.equal(history.add(1, 100, [0]), false);
  assert.equal(history.add(1, 200, [0]), false);
  assert.deepEqual(history.at(1, 200).values, [1]);
});

test("what is older than the span goes, and with it faces that have left", () => {
  const history = new History(10_000);
  history.add(1, 0, [1]);
  for (let at = 0; at <= 30_000; at += 500) history.add(2, at, [1]);
  assert.deepEqual(history.faces, [2]);
  assert.equal(history.at(2, 15_000), null);
  assert.notEqual(history.at(2, 20_500), null);
});

test("unsure belongs to the nearer result", () => {
  const history = new History();
  history.add(3, 0, [1], { unsure: true });
  history.add(3, 100, [1], { unsure: false });
  assert.equal(history.at(3, 20).unsure, true);
  assert.equal(history.at(3, 80).unsure, false);
});

test("each column is due once", () => {
  const columns = new Columns(600, 60_000); // 100 ms each
  assert.deepEqual(columns.due(1_000_000), { first: 9401, last: 10_000, shift: 600 });
  assert.equal(columns.due(1_000_050), null);
  assert.deepEqual(columns.due(1_000_100), { first: 10_001, last: 10_001, shift: 1 });
  assert.deepEqual(columns.due(1_000_450), { first: 10_002, last: 10_004, shift: 3 });
  assert.equal(columns.xOf(10_004, 10_004), 599);
  assert.equal(columns.timeOf(10_004), 1_000_450);
});

test("after a long pause the whole width is due, and no more", () => {
  const columns = new Columns(600, 60_000);
  columns.due(0);
  assert.deepEqual(columns.due(10_000_000), { first: 99_401, last: 100_000, shift: 600 });
});

test("what came late is drawn again with the next column, without moving it", () => {
  const columns = new Columns(600, 60_000);
  columns.due(1_000_000);
  columns.touch(999_500);
  assert.equal(columns.due(1_000_000), null);
  assert.deepEqual(columns.due(1_000_100), { first: 9995, last: 10_001, shift: 1 });
  assert.deepEqual(columns.due(1_000_200), { first: 10_002, last: 10_002, shift: 1 });
  columns.reset();
  assert.equal(columns.due(1_000_200).shift, 600);
});

test("results are placed by the server's time, however late they come", () => {
  const clock = new ServerClock();
  assert.equal(clock.toPage(1), null);
  clock.note(10, 50_100); // 100 ms on the way
  clock.note(11, 51_020); // 20 ms: nearer to the truth
  assert.equal(Math.round(clock.note(12, 52_400)), 52_021, "a slow one is not placed later");
});

test("a server that was started again counts anew", () => {
  const clock = new ServerClock();
  clock.note(500, 600_000);
  assert.equal(clock.note(2, 610_000), 610_000);
  assert.equal(clock.note(3, 611_000), 611_000);
});

test("values fade after a second and go after three", () => {
  assert.deepEqual([0, 1000, 1001, 3000, 3001].map(freshness), ["fresh", "fresh", "stale", "stale", "gone"]);
});

test("waits grow to five seconds and start anew after success", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 7 }, () => backoff.next());
  assert.deepEqual(waits, [300, 600, 1200, 2500, 5000, 5000, 5000]);
  backoff.reset();
  assert.equal(backoff.next(), 300);
});

test("a rate is told over the last three seconds", () => {
  const rate = new Rate(3000);
  assert.equal(rate.perSecond(0), 0);
  for (let at = 0; at <= 10_000; at += 100) rate.mark(at);
  assert.equal(Math.round(rate.perSecond(10_000)), 10);
  assert.equal(rate.perSecond(20_000), 0, "old marks count no more");
});
