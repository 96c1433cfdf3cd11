// The window's moments as a row of cells, with marks where ISSM sampled the static group (above) and the
// dynamic group (below). The positions are fractional: a mark between two cells reads both.

import { number, percent } from "../logic/format.js";
import { t } from "../logic/language.js";
import { between, mostFractional, nearestGroups } from "../logic/moments.js";
import { el, svg as make } from "./dom.js";

const WIDTH = 336;
const CELL_TOP = 18;
const CELL_HEIGHT = 22;

/**
 * Draws the positions of both groups.
 * @param {HTMLElement} root holds an <svg> and a .numbers element
 * @param {number[]} fixed positions of the static group
 * @param {number[]} moving of the dynamic group
 * @param {number} count moments of a window
 */
export function drawStrip(root, fixed, moving, count) {
  const svg = root.querySelector("svg");
  const shape = [count, fixed.length, moving.length].join();
  if (svg.dataset.shape !== shape) build(svg, count, fixed.length, moving.length);
  svg.dataset.shape = shape;
  const step = WIDTH / count;
  const groups = nearestGroups(count, fixed, moving);
  [...svg.children].forEach((each, index) => {
    if (index < count) {
      if (each.getAttribute("class") !== groups[index]) each.setAttribute("class", groups[index]);
      return;
    }
    const position = index - count < fixed.length ? fixed[index - count] : moving[index - count - fixed.length];
    each.style.transform = `translateX(${((position + 0.5) * step).toFixed(1)}px)`;
  });
  const list = (positions) => positions.map((each) => number(each, 1)).join("  ");
  const values = { fixed: list(fixed), moving: list(moving), last: count - 1 };
  svg.setAttribute("aria-label", t("issm.strip", values));
  const lines = [el("span", { className: "static" }), el("span", { className: "dynamic" })];
  lines[0].textContent = `${t("issm.static")} ${values.fixed}`;
  lines[1].textContent = `${t("issm.dynamic")} ${values.moving}`;
  root.querySelector(".numbers").replaceChildren(...lines);
}

/** What a fraction means, by one of the positions shown; "" where all are whole. */
export function example(positions) {
  const position = mostFractional(positions);
  if (position === null) return "";
  const { a, b, first, second } = between(position);
  const values = { position: number(position, 1), a, b, first: percent(first), second: percent(second) };
  return t("issm.fraction", values);
}

function build(svg, count, fixedCount, movingCount) {
  const step = WIDTH / count;
  const parts = [];
  for (let index = 0; index < count; index += 1) {
    parts.push(make("rect", { x: index * step + 1.5, y: CELL_TOP, width: step - 3, height: CELL_HEIGHT, rx: 4 }));
  }
  const bottom = CELL_TOP + CELL_HEIGHT;
  for (let index = 0; index < fixedCount + movingCount; index += 1) {
    const isFixed = index < fixedCount;
    const d = isFixed ? "M-5 5h10l-5 9z" : `M-5 ${bottom + 13}h10l-5 -9z`;
    parts.push(make("path", { d, class: isFixed ? "static" : "dynamic" }));
  }
  svg.replaceChildren(...parts);
}
