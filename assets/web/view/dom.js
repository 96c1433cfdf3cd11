// Small helpers for elements whose words follow the language.

import { t } from "../logic/language.js";

/** The element with an id. */
export const get = (id) => document.getElementById(id);

/** A new element with properties and children; `data` and `on` are taken as such. */
export function el(name, { data = {}, on = {}, role, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  if (role) element.setAttribute("role", role);
  Object.assign(element.dataset, data);
  for (const [event, act] of Object.entries(on)) element.addEventListener(event, act);
  element.append(...children);
  return element;
}

/** Sets an element's words by their key, so that a change of language finds them; "" for none. */
export function words(element, key, values) {
  element.dataset.t = key;
  if (values) element.dataset.values = JSON.stringify(values);
  else delete element.dataset.values;
  text(element, key ? t(key, values) : "");
  return element;
}

/** An element with the words of a key. */
export function said(name, key, values, properties) {
  return words(el(name, properties), key, values);
}

/** Sets text only where it differs: the browser then has nothing to lay out anew. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Shows or hides an element. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Fills in all words under `root` in the language shown. */
export function localise(root) {
  for (const each of root.querySelectorAll("[data-t]")) {
    const { t: key, values } = each.dataset;
    each.textContent = key ? t(key, values ? JSON.parse(values) : {}) : "";
  }
  for (const each of root.querySelectorAll("[data-t-title]")) each.title = t(each.dataset.tTitle);
  for (const each of root.querySelectorAll("[data-t-label]")) {
    each.setAttribute("aria-label", t(each.dataset.tLabel));
    if (each.type === "text") each.placeholder = t(each.dataset.tLabel);
  }
}

/** Makes the options of a select those of `wanted` ([value, words]) without losing the choice. */
export function options(select, wanted) {
  const same =
    select.options.length === wanted.length &&
    wanted.every(([value, name], index) => {
      const option = select.options[index];
      return option.value === String(value) && option.textContent === name;
    });
  if (same) return;
  const before = select.value;
  select.replaceChildren(...wanted.map(([value, name]) => new Option(name, value)));
  if (wanted.some(([value]) => String(value) === before)) select.value = before;
}

const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element with attributes. */
export function svg(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
