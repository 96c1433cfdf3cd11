// Light, dark or as the system; the language. Both are remembered in this browser.

import { choose, next, use } from "../logic/language.js";

const THEME_KEY = "ifdd-live.theme";
const LANGUAGE_KEY = "ifdd-live.language";
const THEMES = ["auto", "light", "dark"];

/** The theme that is on. */
export function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

/** Goes to the next theme and returns it. */
export function nextTheme() {
  const chosen = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  localStorage.setItem(THEME_KEY, chosen);
  return chosen;
}

/** Uses the language chosen here last time, else the browser's. */
export function startLanguage() {
  const wished = [localStorage.getItem(LANGUAGE_KEY), ...navigator.languages].filter(Boolean);
  document.documentElement.lang = use(choose(wished));
}

/** Goes to the next language. */
export function nextLanguage() {
  const chosen = use(next());
  localStorage.setItem(LANGUAGE_KEY, chosen);
  document.documentElement.lang = chosen;
}
