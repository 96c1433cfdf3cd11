// The window's moments as a row of cells, with marks where ISSM sampled the static group (above) and the
// dynamic group (below). The positions are fractional: a mark between two cells reads both.

import { TEXT } from "./strings.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 336;
const CELL_TOP = 18;
const CELL_HEIGHT = 22;

/** Draws into `figure`, which holds an <svg> and a .numbers element. */
export function drawStrip(figure, fixed, moving) {
  const svg = figure.querySelector("svg");
  const count = fixed.length + moving.length;
  if (svg.childElementCount !== count * 2) build(svg, count, fixed.length);
  const step = WIDTH / count;
  const cells = svg.querySelectorAll("rect");
  const nearest = (positions, index) => Math.min(...positions.map((each) => Math.abs(each - index)));
  cells.forEach((cell, index) => {
    cell.setAttribute("class", nearest(fixed, index) <= nearest(moving, index) ? "static" : "dynamic");
  });
  svg.querySelectorAll("path").forEach((mark, index) => {
    const isFixed = index < fixed.length;
    const position = isFixed ? fixed[index] : moving[index - fixed.length];
    mark.style.transform = `translateX(${((position + 0.5) * step).toFixed(1)}px)`;
  });
  const format = (positions) => positions.map((each) => each.toFixed(1)).join(" ");
  svg.setAttribute("aria-label", TEXT.strip(format(fixed), format(moving)));
  const [first, second] = TEXT.stripNumbers(format(fixed), format(moving));
  figure.querySelector(".numbers").replaceChildren(line("static", first), line("dynamic", second));
}

function build(svg, count, fixedCount) {
  const step = WIDTH / count;
  const parts = [];
  for (let index = 0; index < count; index += 1) {
    const cell = document.createElementNS(NAMESPACE, "rect");
    const place = { x: index * step + 1.5, y: CELL_TOP, width: step - 3, height: CELL_HEIGHT, rx: 4 };
    for (const [name, value] of Object.entries(place)) cell.setAttribute(name, value);
    parts.push(cell);
  }
  const bottom = CELL_TOP + CELL_HEIGHT;
  for (let index = 0; index < count; index += 1) {
    const mark = document.createElementNS(NAMESPACE, "path");
    const isFixed = index < fixedCount;
    mark.setAttribute("d", isFixed ? `M-5 5h10l-5 9z` : `M-5 ${bottom + 13}h10l-5 -9z`);
    mark.setAttribute("class", isFixed ? "static" : "dynamic");
    parts.push(mark);
  }
  svg.replaceChildren(...parts);
}

function line(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}
