// The last 60 seconds: a row for each facial expression, scrolling, with values under the pointer.

import { FACE_COLOURS } from "../logic/colours.js";
import { number, percent } from "../logic/format.js";
import { History, HOLD_MS, SPAN_MS } from "../logic/history.js";
import { known, t } from "../logic/language.js";
import { el, show, text } from "./dom.js";
import { legend } from "./faces.js";
import { Painter } from "./painter.js";

// The right edge is a little in the past, so that the next result is there to draw the line to.
const DELAY_MS = 500;
const SPAN_S = SPAN_MS / 1000;

export class Timeline {
  #section;
  #chart;
  #plot;
  #painter;
  #history = new History();
  #labels = [];
  #clock;
  #markers = []; // {at, label} in page time
  #excluded = []; // {from, to} in page time
  #recording = []; // the same; the last may be open
  #noted = "[[],[]]"; // what was annotated last
  #ago = null; // where the cursor stands, seconds before the right edge
  #edge = 0;
  #running = false;
  #inView = true;
  #timer = 0;
  #request = 0;

  /**
   * @param {HTMLElement} section holds title, legend and chart
   * @param {import("../logic/serverclock.js").ServerClock} clock
   */
  constructor(section, clock) {
    this.#section = section;
    this.#clock = clock;
    this.#chart = section.querySelector(".chart");
    this.#plot = section.querySelector(".plot");
    this.#painter = new Painter(section.querySelector("canvas"));
    new ResizeObserver(() => this.refit()).observe(this.#plot);
    new IntersectionObserver(([entry]) => {
      this.#inView = entry.isIntersecting;
      this.#wake();
    }).observe(this.#plot);
    document.addEventListener("visibilitychange", () => this.#wake());
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("pointerleave", () => this.#setCursor(null));
    this.#chart.addEventListener("keydown", (event) => this.#key(event));
    this.#chart.addEventListener("blur", () => this.#setCursor(null));
  }

  /** How many columns were painted so far: what the scrolling costs. */
  get painted() {
    return this.#painter.painted;
  }

  /** Takes one result of the server. */
  add(result) {
    if (!result.probabilities) return;
    const names = Object.keys(result.probabilities);
    if (names.join() !== this.#labels.join()) this.#setLabels(names);
    const at = this.#clock.toPage(result.t);
    const before = this.#history.newest(result.face) ?? at;
    this.#history.add(result.face, at, Object.values(result.probabilities), {
      unsure: result.label === "unsure",
    });
    // one that comes late belongs where the chart has been painted already, without it
    if (before + HOLD_MS < this.#edge || at < this.#edge) this.#painter.columns?.touch(before);
    show(this.#section, true);
    if (!this.#running) this.#start();
  }

  /** Forgets everything and hides the chart. */
  clear() {
    this.#running = false;
    this.#wake();
    this.#history.clear();
    show(this.#section, false);
  }

  /** Forgets recordings, too, because another stream is looked at. */
  forget() {
    this.#markers = [];
    this.#excluded = [];
    this.#recording = [];
    this.#noted = "[[],[]]";
    this.clear();
    this.#painter.columns?.reset();
  }

  /** Takes the faces in view. */
  faces(list) {
    this.#section.querySelector(".legend").replaceChildren(...legend(list));
  }

  /** Takes a recording: its length so far, and markers and ranges left out in seconds since it began. */
  annotate({ markers = [], excluded = [], seconds = 0, recording = false }) {
    const now = performance.now();
    const began = now - seconds * 1000;
    this.#markers = markers.map(({ t: time, label }) => ({ at: began + time * 1000, label }));
    this.#excluded = excluded.map(({ from, to }) => ({ from: began + from * 1000, to: began + to * 1000 }));
    const open = this.#recording.at(-1)?.to === Infinity;
    if (recording && !open) this.#recording.push({ from: began, to: Infinity });
    if (!recording && open) this.#recording.at(-1).to = now;
    const noted = JSON.stringify([markers, excluded]);
    if (noted !== this.#noted) this.#painter.columns?.reset();
    this.#noted = noted;
  }

  /** Writes the words anew, after a change of language or colours. */
  relabel() {
    const names = this.#chart.querySelector(".names");
    names.replaceChildren(...this.#labels.map((each) => el("li", {}, known("label", each))));
    this.refit();
  }

  /** Paints everything anew: the size or the colours are others. */
  refit() {
    const width = this.#plot.clientWidth;
    if (!width || !this.#labels.length) return;
    const style = getComputedStyle(this.#section);
    this.#painter.fit(width, this.#labels.length, {
      even: probe(this.#section, "chart-even"),
      odd: probe(this.#section, "chart-odd"),
      ink: style.color,
      out: probe(this.#section, "chart-out"),
      recording: probe(this.#section, "chart-recording"),
      faces: Array.from({ length: FACE_COLOURS }, (_, index) => probe(this.#section, `face-${index + 1}`)),
    });
    this.#paint();
    this.#wake();
  }

  #setLabels(names) {
    this.#labels = names;
    this.#history.clear();
    show(this.#section, true);
    this.relabel();
  }

  #start() {
    this.#running = true;
    this.#wake();
  }

  // Paints only when a new column is due, in a frame of the browser; not at all while nobody can see it.
  #wake() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#request);
    if (!this.#running || !this.#inView || document.hidden) return;
    this.#request = requestAnimationFrame(() => {
      this.#paint();
      const columns = this.#painter.columns;
      const perColumn = columns ? SPAN_MS / columns.width : 100;
      this.#timer = setTimeout(() => this.#wake(), Math.max(4, perColumn - 8));
    });
  }

  #paint() {
    this.#edge = performance.now() - DELAY_MS;
    const painted = this.#painter.paint(this.#edge, this.#history, (from, to) => this.#notes(from, to));
    if (painted && this.#ago !== null) this.#tell();
  }

  #notes(from, to) {
    const covers = (range) => range.from <= to && range.to >= from;
    return {
      mark: this.#markers.some(({ at }) => at > from && at <= to),
      out: this.#excluded.some(covers),
      recording: this.#recording.some(covers),
    };
  }

  #point(event) {
    const box = this.#plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.#setCursor(SPAN_S * (1 - Math.min(1, Math.max(0, share))));
  }

  #key(event) {
    const step = event.shiftKey ? 5 : 1;
    const from = this.#ago ?? 0;
    const moves = { ArrowLeft: from + step, ArrowRight: from - step, Home: SPAN_S, End: 0, Escape: null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const to = moves[event.key];
    this.#setCursor(to === null ? null : Math.min(SPAN_S, Math.max(0, to)));
  }

  #setCursor(ago) {
    this.#ago = ago;
    show(this.#plot.querySelector(".cursor"), ago !== null);
    show(this.#plot.querySelector(".tip"), ago !== null);
    if (ago !== null) this.#tell();
  }

  // Says the values at the cursor, to the eye and to screen readers.
  #tell() {
    const at = this.#edge - this.#ago * 1000;
    const seconds = number(this.#ago);
    const tip = this.#plot.querySelector(".tip");
    const cursor = this.#plot.querySelector(".cursor");
    const share = 1 - this.#ago / SPAN_S;
    cursor.style.left = `${(share * 100).toFixed(2)}%`;
    tip.style.left = cursor.style.left;
    tip.classList.toggle("to-left", share > 0.5);
    const lines = this.#history.faces
      .map((face) => [face, this.#history.at(face, at)])
      .filter(([, point]) => point)
      .map(([face, point]) => ({ face, ranked: this.#ranked(point), unsure: point.unsure }));
    const marker = this.#markers.find((each) => Math.abs(each.at - at) < 300);
    const said = lines.map(({ face, ranked, unsure }) =>
      t("timeline.face", { face, values: (unsure ? [t("unsure"), ...ranked] : ranked).join(", ") }),
    );
    const title = el("b", {}, t("timeline.ago", { seconds }), marker ? ` · ${marker.label}` : "");
    tip.replaceChildren(title, ...said.map((line) => el("span", {}, line)));
    this.#chart.setAttribute("aria-valuenow", String(-Math.round(this.#ago)));
    const value = lines.length ? t("timeline.value", { seconds, values: said.join(" ") }) : "";
    this.#chart.setAttribute("aria-valuetext", value || t("timeline.none", { seconds }));
    if (!lines.length) text(title, t("timeline.none", { seconds }));
  }

  #ranked({ values }) {
    return values
      .map((value, index) => [value, known("label", this.#labels[index])])
      .sort((a, b) => b[0] - a[0])
      .slice(0, 3)
      .map(([value, name]) => `${name} ${percent(value)}`);
  }
}

// The colour that a class of the style sheet gives, worked out for the present theme.
function probe(parent, name) {
  const element = el("i", { className: name, hidden: true });
  parent.append(element);
  const { color } = getComputedStyle(element);
  element.remove();
  return color;
}
