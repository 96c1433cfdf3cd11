// The page's small state machines: consent, neutral face, teaching, recording, picture, keys, announcements.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Announcer } from "../../assets/web/logic/announcer.js";
import { colourOf } from "../../assets/web/logic/colours.js";
import { asks, isServerCamera, PURPOSES, readsExpressions, serverCameraOn } from "../../assets/web/logic/consent.js";
import * as neutral from "../../assets/web/logic/neutral.js";
import { choices } from "../../assets/web/logic/picture.js";
import { Exclusion, files, offers as recording } from "../../assets/web/logic/recording.js";
import { commandOf, KEYS } from "../../assets/web/logic/shortcuts.js";
import { offers as teach } from "../../assets/web/logic/teach.js";

const CALM = { consent: { needed: false, given: false }, wanted: null, source: "demo", sending: false, declined: false, watching: true };

test("expressions are not read at work and in education, and nowhere else is it refused", () => {
  assert.deepEqual(PURPOSES.filter((each) => !readsExpressions(each)), ["workplace", "education"]);
});

test("a camera is asked about before it opens, and only then", () => {
  const needed = { needed: true, given: false };
  const cases = [
    [{}, null],
    [{ consent: null }, null],
    [{ consent: needed }, "server"],
    [{ consent: { needed: true, given: true } }, null],
    [{ consent: needed, declined: true }, null],
    [{ consent: needed, declined: true, wanted: "/dev/video0" }, "server"],
    [{ wanted: "/dev/video0" }, "server"],
    [{ wanted: "/dev/video0", consent: { needed: false, given: true } }, null],
    [{ wanted: "browser" }, "browser"],
    [{ source: "browser" }, "browser"],
    [{ source: "browser", sending: true }, null],
    [{ source: "browser", declined: true }, null],
    [{ source: "browser", watching: false }, null],
    [{ consent: needed, watching: false }, null],
  ];
  for (const [more, expected] of cases) assert.equal(asks({ ...CALM, ...more }), expected, JSON.stringify(more));
});

test("which sources are cameras of the server", () => {
  for (const each of ["auto", "0", "12", "/dev/video2", "rtsp://door/1"]) assert.ok(isServerCamera(each), each);
  for (const each of ["demo", "browser", "clip.mp4", "0.mp4"]) assert.ok(!isServerCamera(each), each);
});

test("the server's camera counts as on only while it runs", () => {
  const status = (source, state, consent) => ({ source: { source, state }, consent });
  assert.equal(serverCameraOn(null), false);
  assert.equal(serverCameraOn(status("demo", "live")), false);
  assert.equal(serverCameraOn(status("/dev/video0", "live")), true);
  assert.equal(serverCameraOn(status("/dev/video0", "lost")), false);
  assert.equal(serverCameraOn(status("auto", "live", { needed: true, given: false })), false);
  assert.equal(serverCameraOn(status("auto", "live", { needed: true, given: true })), true);
});

test("a neutral face is offered, counted down, and reset", () => {
  const running = neutral.offers({ state: "running", progress: 0.3, left_s: 5.2 }, null);
  assert.deepEqual([running.running, running.progress, running.left, running.canReset], [true, 0.3, 6, false]);
  assert.equal(neutral.offers({ state: "ready" }, null).canReset, true);
  assert.equal(neutral.offers(null, null).state, "none");
});

test("a kept neutral face is offered only where none is set", () => {
  const kept = { at: "2026-03-12T10:00:00Z", neutral: { scores: [1] } };
  assert.equal(neutral.offers({ state: "none" }, kept).canUseKept, true);
  assert.equal(neutral.offers({ state: "ready" }, kept).canUseKept, false);
  const text = neutral.keep({ state: "ready", neutral: kept.neutral }, kept.at);
  assert.deepEqual(neutral.readKept(text), kept);
  assert.equal(neutral.keep({ state: "running", neutral: {} }, kept.at), null);
  for (const bad of [null, "", "{", "[]", '{"at": 1}', '{"at": "x", "neutral": null}']) {
    assert.equal(neutral.readKept(bad), null);
  }
});

test("teaching names the expression and whether to hold it", () => {
  const view = teach({ state: "running", label: "happy", phase: "hold", left_s: 1.4, progress: 0.5 });
  assert.deepEqual([view.label, view.hold, view.left, view.busy], ["happy", true, 2, true]);
  assert.equal(teach({ state: "fitting" }).busy, true);
  assert.equal(teach(null).state, "idle");
});

test("what teaching gained is told as it is, also when it is nothing or worse", () => {
  const told = (before, after, active) => {
    const counted = (accuracy) => accuracy === null ? null : { accuracy, count: 40 };
    return teach({ state: "ready", before: counted(before), after: counted(after), active }).verdict;
  };
  assert.deepEqual(told(0.5, 0.8, true), { key: "teach.better", points: 30 });
  assert.deepEqual(told(0.8, 0.7, false), { key: "teach.worse", points: 10 });
  assert.deepEqual(told(0.8, 0.8, true), { key: "teach.equal", points: 0 });
  assert.deepEqual(told(0.5, 0.8, false), { key: "teach.away", points: 30 });
  assert.equal(told(null, null, true).key, "teach.equal");
  const offered = (before, after, active) => {
    const counted = (accuracy) => ({ accuracy, count: 40 });
    const { canDownload, canClaim } = teach({ state: "ready", before: counted(before), after: counted(after), active });
    return [canDownload, canClaim];
  };
  assert.deepEqual(offered(0.8, 0.7, false), [false, false], "there is nothing to take along");
  assert.deepEqual(offered(0.5, 0.8, false), [true, true]);
  assert.deepEqual(offered(0.5, 0.8, true), [true, false]);
});

test("a recording starts only after it was agreed to", () => {
  assert.equal(recording({ state: "off" }, false).canStart, false);
  assert.equal(recording({ state: "off" }, true).canStart, true);
  assert.equal(recording({ state: "recording" }, true).canStart, false);
  assert.equal(recording({ state: "recording" }, false).canMark, true);
  assert.equal(recording(null, true).state, "off");
});

test("a range is left out from the first press until the second", () => {
  const exclusion = new Exclusion();
  assert.equal(exclusion.press(12), null);
  assert.equal(exclusion.from, 12);
  assert.deepEqual(exclusion.press(15.5), { from: 12, to: 15.5 });
  assert.equal(exclusion.from, null);
  exclusion.press(3);
  assert.equal(exclusion.press(3), null, "an empty range is none");
  exclusion.press(1);
  exclusion.reset();
  assert.equal(exclusion.from, null);
});

test("a recording's name cannot lead elsewhere", () => {
  assert.equal(files("../x").csv, "/api/sessions/..%2Fx/events.csv");
});

test("what the command line fixed can only be made stricter", () => {
  const allowed = (view) => choices("picture", view).filter((each) => each.allowed).map((each) => each.value);
  assert.deepEqual(allowed({ picture: "camera", locked: [] }), ["camera", "mesh", "mesh-only"]);
  assert.deepEqual(allowed({ picture: "mesh", locked: ["picture"] }), ["mesh", "mesh-only"]);
  assert.equal(choices("bystanders", { bystanders: "blur" }).find((each) => each.checked).value, "blur");
});

test("faces take five colours in turn, whatever their number", () => {
  assert.deepEqual([1, 2, 5, 6, 11, 0].map(colourOf), [1, 2, 5, 1, 1, 5]);
});

test("keys give commands, but not while something is typed or a shortcut of the browser is meant", () => {
  const body = { tagName: "BODY" };
  assert.deepEqual(commandOf({ key: "b" }, body), { command: "box" });
  assert.deepEqual(commandOf({ key: "B" }, body), { command: "box" });
  assert.deepEqual(commandOf({ key: "3" }, body), { command: "digit", digit: 3 });
  assert.deepEqual(commandOf({ key: "?" }, null), { command: "help" });
  assert.deepEqual(commandOf({ key: " " }, body), { command: "watch" });
  assert.equal(commandOf({ key: " " }, { tagName: "BUTTON" }), null, "it presses the button");
  assert.equal(commandOf({ key: "b", ctrlKey: true }, body), null);
  assert.equal(commandOf({ key: "b", repeat: true }, body), null);
  assert.equal(commandOf({ key: "m" }, { tagName: "INPUT", type: "text" }), null);
  assert.deepEqual(commandOf({ key: "m" }, { tagName: "INPUT", type: "checkbox" }), { command: "marker" });
  assert.equal(commandOf({ key: "0" }, body), null);
  assert.equal(commandOf({ key: "Escape" }, body), null);
  assert.equal(new Set(KEYS.map(([key]) => key)).size, KEYS.length, "no key twice");
});

test("announcements are spaced, the newest wins, and nothing is said twice", () => {
  const said = [];
  const due = [];
  const announcer = new Announcer((line) => said.push(line), (run, ms) => due.push([run, ms]));
  announcer.tell("lost", 0);
  announcer.tell("live", 500);
  announcer.tell("lost", 600);
  announcer.tell("live", 900);
  assert.deepEqual(said, ["lost"]);
  assert.equal(due.length, 1);
  assert.equal(due[0][1], 2500);
  due[0][0]();
  assert.deepEqual(said, ["lost", "live"]);
  announcer.tell("live", 10_000);
  assert.deepEqual(said, ["lost", "live"]);
  announcer.answer("live", 10_001);
  assert.deepEqual(said, ["lost", "live", "live"], "what was asked for is said again");
});
