import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { clock, date, number, percent, size, strength } from "../../assets/web/logic/format.js";
import { choose, known, language, next, t, use } from "../../assets/web/logic/language.js";

afterEach(() => use("en"));

test("the first wished language that there is", () => {
  assert.equal(choose(["fr-FR", "de-AT", "en"]), "de");
  assert.equal(choose(["fr"]), "en");
  assert.equal(choose([]), "en");
});

test("words follow the language, and going on comes round", () => {
  assert.equal(t("face", { face: 2 }), "Face 2");
  use(next());
  assert.equal(language(), "de");
  assert.equal(t("face", { face: 2 }), "Gesicht 2");
  use(next());
  assert.equal(language(), "en");
});

test("an unknown key or a missing value is an error, not a hole in the page", () => {
  assert.throws(() => t("no.such.key"), /known key, got "no\.such\.key"/);
  assert.throws(() => t("face"), /expects \{face\}/);
});

test("what the server says is translated where it is known, and shown as it is where not", () => {
  use("de");
  assert.equal(known("label", "happy"), "fröhlich");
  assert.equal(known("hint", "wear a hat"), "wear a hat");
});

test("numbers are written as the language writes them", () => {
  assert.equal(percent(0.934), "93%");
  assert.equal(number(7.46, 1), "7.5");
  use("de");
  assert.match(percent(0.934), /^93\s%$/);
  assert.equal(number(7.46, 1), "7,5");
});

test("times and sizes are short", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(59.99), "0:59");
  assert.equal(clock(3723), "1:02:03");
  assert.equal(clock(-4), "0:00");
  assert.equal(size(999), "999 B");
  assert.equal(size(1200), "1.2 kB");
  assert.equal(size(45_000_000), "45 MB");
});

test("dates come from text or from seconds; what is no date is shown as it is", () => {
  assert.equal(date("2026-03-12T10:00:00Z"), date(Date.UTC(2026, 2, 12, 10) / 1000));
  assert.match(date("2026-03-12T10:00:00Z"), /2026/);
  assert.equal(date("yesterday"), "yesterday");
});

test("intensity in three words", () => {
  assert.deepEqual([0, 0.3, 0.5, 0.7, 1].map((each) => strength(each).split(".")[1]),
    ["weak", "weak", "medium", "strong", "strong"]);
});
