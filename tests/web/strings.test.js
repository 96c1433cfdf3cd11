// Both languages say everything, and nothing is said that nobody shows.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { STRINGS } from "../../assets/web/logic/strings.js";

const WEB = new URL("../../assets/web/", import.meta.url);
const { en, de } = STRINGS;
const placeholders = (words) => [...words.matchAll(/\{(\w+)\}/g)].map((each) => each[1]).sort();
const sources = ["./", "logic/", "net/", "view/"].flatMap((folder) =>
  readdirSync(new URL(folder, WEB))
    .filter((name) => /\.(js|html)$/.test(name) && name !== "strings.js")
    .map((name) => readFileSync(new URL(folder + name, WEB), "utf8")),
);

test("the same keys in the same order, so that a missing one is seen", () => {
  assert.deepEqual(Object.keys(de), Object.keys(en));
});

test("the same placeholders in both languages", () => {
  for (const key of Object.keys(en)) assert.deepEqual(placeholders(de[key]), placeholders(en[key]), key);
});

test("German is not left in English", () => {
  const same = Object.keys(en).filter((key) => en[key] === de[key] && /[a-z]{4}/i.test(en[key].replace(/\{\w+\}/g, "")));
  const alike = ["state.live", "tile.live", "tab.status", "label.neutral", "watch.start"];
  assert.deepEqual(same.filter((key) => !alike.includes(key) && !/^driver\.perclos$/.test(key)), []);
});

test("every key that the page names exists", () => {
  const named = sources.flatMap((text) => [
    ...[...text.matchAll(/data-t(?:-\w+)?="([\w. -]+)"/g)].map((each) => each[1]),
    ...[...text.matchAll(/\b(?:t|say)\("([\w. -]+)"/g)].map((each) => each[1]),
    ...[...text.matchAll(/\bwords\([^;]*?, "([\w. -]+)"/g)].map((each) => each[1]),
  ]);
  assert.ok(named.length > 100, `expected over 100 keys in the sources, got ${named.length}`);
  for (const key of named) assert.ok(key in en, `"${key}" is named but not in strings.js`);
});

test("every key is used", () => {
  const all = sources.join("\n");
  const built = /^(said|source|label|hint|layer|theme|key|tile|purpose|state|cover|announce|privacy\.(picture|bystanders)|driver)\./;
  const unused = Object.keys(en).filter((key) => !built.test(key) && !all.includes(`"${key}"`));
  assert.deepEqual(unused, []);
});

test("it speaks of facial expressions, never of what somebody feels", () => {
  const words = Object.entries(STRINGS).flatMap(([, all]) => Object.values(all)).join("\n");
  assert.doesNotMatch(words, /emotion|you feel|your mood|du fühlst|Stimmung/i);
});
