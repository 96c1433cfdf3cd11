// Which language is shown, and the words of a key in it.

import { STRINGS } from "./strings.js";

export const LANGUAGES = Object.keys(STRINGS);

let current = "en";

/** The first of the wished languages (such as "de-AT") that there is; English where there is none. */
export function choose(wished) {
  for (const each of wished) {
    const short = String(each).toLowerCase().split("-")[0];
    if (LANGUAGES.includes(short)) return short;
  }
  return "en";
}

/** Shows a language from now on, or English where there is no such. */
export function use(wished) {
  current = choose([wished]);
  return current;
}

export function language() {
  return current;
}

/** The language after the present one. */
export function next() {
  return LANGUAGES[(LANGUAGES.indexOf(current) + 1) % LANGUAGES.length];
}

/** The words of a key, with its {placeholders} filled in. */
export function t(key, values = {}) {
  const words = STRINGS[current][key];
  if (words === undefined) throw new Error(`strings: expected a known key, got "${key}"`);
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`strings: "${key}" expects {${name}}`);
    return String(values[name]);
  });
}

/** Whether there are words for what the server says. */
export function hasKnown(kind, word) {
  return `${kind}.${word}` in STRINGS[current];
}

/** Words for what the server says in English: known ones translated, others as they are. */
export function known(kind, word) {
  return STRINGS[current][`${kind}.${word}`] ?? word;
}
