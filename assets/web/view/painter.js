// Paints the last minute's columns on a canvas: each one once, then only moved.

import { colourOf } from "../logic/colours.js";
import { Columns } from "../logic/columns.js";
import { SPAN_MS } from "../logic/history.js";

export const ROW_PX = 22;
const PAD_PX = 3;

export class Painter {
  #canvas;
  #context;
  #columns = null;
  #scale = 1;
  #rows = 0;
  #colours = {};
  painted = 0; // columns, for measuring

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  get columns() {
    return this.#columns;
  }

  /** Takes the size in CSS pixels, the number of rows and the colours; everything is painted anew. */
  fit(width, rows, colours) {
    this.#scale = Math.min(2, window.devicePixelRatio || 1);
    this.#canvas.width = Math.max(1, Math.round(width * this.#scale));
    this.#canvas.height = Math.max(1, Math.round(rows * ROW_PX * this.#scale));
    this.#columns = new Columns(this.#canvas.width, SPAN_MS);
    this.#rows = rows;
    this.#colours = colours;
  }

  /**
   * Paints what is due.
   * @param {number} at the time of the right edge, ms
   * @param {import("../logic/history.js").History} history
   * @param {(from: number, to: number) => {mark: boolean, out: boolean, recording: boolean}} notes
   * @returns whether anything was painted
   */
  paint(at, history, notes) {
    const due = this.#columns?.due(at);
    if (!due) return false;
    const { width, height } = this.#canvas;
    if (due.shift < width) this.#context.drawImage(this.#canvas, -due.shift, 0);
    const faces = history.faces;
    for (let number = due.first; number <= due.last; number += 1) {
      const x = this.#columns.xOf(number, due.last);
      this.#ground(x, height);
      const time = this.#columns.timeOf(number);
      const before = this.#columns.timeOf(number - 1);
      for (const face of faces) this.#face(x, face, history.at(face, time), history.at(face, before));
      this.#notes(x, height, notes(before, time));
    }
    this.painted += due.last - due.first + 1;
    return true;
  }

  #ground(x, height) {
    const row = ROW_PX * this.#scale;
    this.#context.globalAlpha = 1;
    for (let index = 0; index < this.#rows; index += 1) {
      this.#context.fillStyle = index % 2 ? this.#colours.odd : this.#colours.even;
      this.#context.fillRect(x, index * row, 1, Math.min(row, height - index * row));
    }
  }

  #face(x, face, now, before) {
    if (!now) return;
    const context = this.#context;
    const row = ROW_PX * this.#scale;
    const room = row - PAD_PX * this.#scale;
    const line = 1.5 * this.#scale;
    context.fillStyle = this.#colours.faces[colourOf(face) - 1];
    const strongest = now.unsure ? -1 : now.values.indexOf(Math.max(...now.values));
    now.values.forEach((value, index) => {
      const bottom = (index + 1) * row;
      const top = bottom - value * room;
      context.globalAlpha = index === strongest ? 0.6 : 0.22;
      context.fillRect(x, top, 1, bottom - top);
      const earlier = before ? bottom - before.values[index] * room : top;
      context.globalAlpha = index === strongest ? 1 : 0.55;
      context.fillRect(x, Math.min(top, earlier) - line, 1, Math.abs(top - earlier) + line);
    });
    context.globalAlpha = 1;
  }

  #notes(x, height, { mark, out, recording }) {
    const context = this.#context;
    if (out) {
      context.globalAlpha = 0.5;
      context.fillStyle = this.#colours.out;
      context.fillRect(x, 0, 1, height);
      context.globalAlpha = 1;
    }
    if (recording) {
      context.fillStyle = this.#colours.recording;
      context.fillRect(x, 0, 1, 2 * this.#scale);
    }
    if (mark) {
      context.fillStyle = this.#colours.ink;
      context.fillRect(x, 0, Math.max(1, this.#scale), height);
    }
  }
}
