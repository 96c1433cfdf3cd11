// "Inside the model": the window's moments, which group reads which, and how alike they are, on demand.

import { number } from "../logic/format.js";
import { t } from "../logic/language.js";
import { rangeOf, shade } from "../logic/moments.js";
import { ask, Refusal } from "../net/api.js";
import { options, show, text, words } from "./dom.js";
import { drawStrip, example } from "./strip.js";

const REDRAW_MS = 250; // four times a second is all that an eye follows here
const EXAMPLE_MS = 8000; // and a sentence wants to be read
const CELL_PX = 14;
const BORDER_PX = 6;

export class Issm {
  #root;
  #say;
  #matrix;
  #button;
  #select;
  #face = null;
  #moments = null;
  #faces = [];
  #shownAt = 0;
  #exampleAt = -Infinity;

  /** @param {(line: string) => void} say where problems are told */
  constructor(root, say) {
    this.#root = root;
    this.#say = say;
    this.#matrix = root.querySelector(".matrix");
    this.#button = root.querySelector("button");
    this.#select = root.querySelector("select");
    this.#button.addEventListener("click", () => this.#fetch());
    this.#select.addEventListener("change", () => {
      this.#face = Number(this.#select.value);
      this.#forget();
    });
  }

  /** Takes the faces in view. */
  faces(list) {
    this.#faces = list;
    if (!list.includes(this.#face)) {
      this.#face = list[0] ?? null;
      this.#forget();
    }
    show(this.#select.parentElement, list.length > 1);
    options(this.#select, list.map((face) => [String(face), t("face", { face })]));
    if (this.#face !== null) this.#select.value = String(this.#face);
    if (!list.length) show(this.#root, false);
  }

  /** Shows one result, if it is of the chosen face, somebody can see it and it is time for it. */
  show(result) {
    if (result.face !== this.#face || !result.static_index || !result.dynamic_index) return;
    show(this.#root, true);
    const now = performance.now();
    if (!this.#root.open || this.#root.offsetParent === null || now - this.#shownAt < REDRAW_MS) return;
    this.#shownAt = now;
    const { static_index: fixed, dynamic_index: moving } = result;
    drawStrip(this.#root, fixed, moving, this.#moments ?? fixed.length + moving.length);
    if (now - this.#exampleAt < EXAMPLE_MS) return;
    this.#exampleAt = now;
    text(this.#root.querySelector(".fraction"), example(moving));
  }

  /** Takes how many moments a window has, and whether the server can tell how alike they are. */
  offer(moments, possible) {
    this.#moments = moments;
    show(this.#button, possible);
    if (!possible) this.#forget();
  }

  relabel() {
    this.faces(this.#faces);
    this.#shownAt = 0;
    this.#exampleAt = -Infinity;
    this.#forget();
  }

  #forget() {
    show(this.#matrix, false);
    words(this.#button, "issm.matrix");
  }

  async #fetch() {
    try {
      const details = await ask(`/api/issm?face=${this.#face}`);
      this.#draw(details);
      words(this.#button, "issm.again");
      this.#say("");
    } catch (error) {
      this.#forget();
      const none = error instanceof Refusal && error.status === 404;
      this.#say(none ? t("issm.none") : t("failed", { why: error.message }));
    }
  }

  // The matrix, with the group of each moment as a coloured border at the top and at the left.
  #draw({ correlation, groups }) {
    const canvas = this.#matrix.querySelector("canvas");
    const count = correlation.length;
    canvas.width = canvas.height = count * CELL_PX + BORDER_PX;
    const context = canvas.getContext("2d");
    const range = rangeOf(correlation);
    correlation.forEach((row, i) =>
      row.forEach((value, j) => {
        context.fillStyle = ramp(shade(value, range));
        context.fillRect(BORDER_PX + j * CELL_PX, BORDER_PX + i * CELL_PX, CELL_PX - 1, CELL_PX - 1);
      }),
    );
    const style = getComputedStyle(this.#root.querySelector(".numbers .static") ?? this.#root);
    const other = getComputedStyle(this.#root.querySelector(".numbers .dynamic") ?? this.#root);
    // a model that shortens time first compares fewer steps than the window has moments
    const marked = groups.length === count ? groups : [];
    marked.forEach((group, index) => {
      const at = BORDER_PX + index * CELL_PX;
      const halves = { static: [style, style], dynamic: [other, other], both: [style, other] }[group];
      if (!halves) return;
      const half = (CELL_PX - 1) / 2;
      halves.forEach(({ color }, part) => {
        context.fillStyle = color;
        context.fillRect(at + part * half, 0, half, BORDER_PX - 2);
        context.fillRect(0, at + part * half, BORDER_PX - 2, half);
      });
    });
    const values = { last: count - 1, low: number(range.low, 2), high: number(range.high, 2) };
    const about = t("issm.matrixAbout", values);
    canvas.setAttribute("aria-label", about);
    text(this.#matrix.querySelector("figcaption"), about);
    canvas.onpointermove = ({ offsetX, offsetY }) => {
      const scale = canvas.width / canvas.clientWidth;
      const [b, a] = [offsetX, offsetY].map((each) => Math.floor((each * scale - BORDER_PX) / CELL_PX));
      const value = correlation[a]?.[b];
      if (value !== undefined) {
        text(this.#matrix.querySelector("figcaption"), t("issm.cell", { a, b, value: number(value, 2) }));
      }
    };
    canvas.onpointerleave = () => text(this.#matrix.querySelector("figcaption"), about);
    show(this.#matrix, true);
  }
}

// Dark blue over green to light yellow: ever lighter, so that it reads without colour too.
function ramp(share) {
  const stops = [[26, 32, 74], [33, 104, 132], [64, 166, 122], [246, 236, 120]];
  const place = share * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const mix = stops[index].map((low, part) => low + (stops[index + 1][part] - low) * (place - index));
  return `rgb(${mix.map(Math.round).join(" ")})`;
}
