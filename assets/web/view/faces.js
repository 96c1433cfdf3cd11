// One panel for each face: what is read, how sure, how strong, and what would make it better.

import { colourOf } from "../logic/colours.js";
import { number, percent, strength } from "../logic/format.js";
import { freshness } from "../logic/freshness.js";
import { known, t } from "../logic/language.js";
import { Bar } from "./bar.js";
import { el, localise, show, text, words } from "./dom.js";

const CHECK_MS = 250;

export class Faces {
  #root;
  #template;
  #onChange;
  #panels = new Map();

  /**
   * @param {HTMLElement} root where the panels go
   * @param {HTMLTemplateElement} template of one panel
   * @param {(faces: number[]) => void} onChange told when a face comes or goes
   */
  constructor(root, template, onChange) {
    this.#root = root;
    this.#template = template;
    this.#onChange = onChange;
    setInterval(() => this.#age(), CHECK_MS);
  }

  /** The faces shown, in order of their numbers. */
  get faces() {
    return [...this.#panels.keys()].sort((a, b) => a - b);
  }

  /** The newest result of each face that is fresh. */
  get fresh() {
    const panels = [...this.#panels.values()].filter((each) => each.state === "fresh");
    return panels.map((each) => each.result);
  }

  /** Shows one result of the server: a prediction, or a face lost. */
  show(result) {
    if (result.event === "face_lost") return this.#remove(result.face);
    if (!result.probabilities) return;
    let panel = this.#panels.get(result.face);
    if (!panel) {
      panel = new Panel(this.#template, result.face);
      this.#panels.set(result.face, panel);
      const after = this.faces.find((each) => each > result.face);
      this.#root.insertBefore(panel.element, after ? this.#panels.get(after).element : null);
      this.#changed();
    }
    panel.show(result);
  }

  /** Removes everything: what is old must not look like now. */
  clear() {
    for (const id of [...this.#panels.keys()]) this.#remove(id);
  }

  /** Writes the words anew, after a change of language. */
  relabel() {
    for (const panel of this.#panels.values()) panel.relabel();
  }

  #remove(id) {
    if (!this.#panels.has(id)) return;
    this.#panels.get(id).element.remove();
    this.#panels.delete(id);
    this.#changed();
  }

  #changed() {
    this.#root.dataset.count = this.#panels.size;
    this.#onChange(this.faces);
  }

  #age() {
    const now = performance.now();
    for (const [id, panel] of [...this.#panels]) {
      const state = freshness(now - panel.shownAt);
      if (state === "gone") this.#remove(id);
      else if (state !== panel.state) panel.turn(state);
    }
  }
}

class Panel {
  #bars = new Map();
  #parts;

  constructor(template, id) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.face = id;
    this.element.classList.add(`face-${colourOf(id)}`);
    localise(this.element);
    const find = (selector) => this.element.querySelector(selector);
    this.#parts = {
      title: find("h2"),
      label: find(".label"),
      sure: find(".sure"),
      list: find(".bars"),
      strength: find(".strength"),
      hints: find(".hints"),
    };
    this.shownAt = 0;
    this.state = "fresh";
    this.result = null;
  }

  show(result) {
    this.shownAt = performance.now();
    this.result = result;
    if (this.state !== "fresh") this.turn("fresh");
    else this.#write();
  }

  /** Becomes fresh or stale. */
  turn(state) {
    this.state = state;
    this.element.classList.toggle("stale", state === "stale");
    if (state === "fresh") return this.#write();
    const { label, sure, strength: gauge, hints } = this.#parts;
    text(label, t("unknown"));
    label.classList.remove("unsure");
    text(sure, t("stale"));
    text(hints, "");
    text(gauge.querySelector("output"), t("unknown"));
    gauge.querySelector("i").style.transform = "scaleX(0)";
    for (const bar of this.#bars.values()) bar.blank();
  }

  relabel() {
    for (const bar of this.#bars.values()) bar.name();
    if (this.result) this.turn(this.state);
  }

  #write() {
    const { title, label, sure } = this.#parts;
    const { result } = this;
    const unsure = result.label === "unsure";
    const tags = [result.calibrated && t("face.calibrated"), result.taught && t("face.taught")];
    text(title, [t("face", { face: result.face }), ...tags.filter(Boolean)].join(" · "));
    const [strongest, highest] = lead(result.probabilities);
    text(label, unsure ? t("unsure") : known("label", result.label));
    label.classList.toggle("unsure", unsure);
    const values = { label: known("label", strongest), value: percent(highest) };
    text(sure, unsure ? t("unsure.why", values) : `${percent(result.confidence)} ${t("confidence")}`);
    for (const [name, value] of Object.entries(result.probabilities)) {
      this.#bar(name).show(value, name === result.label);
    }
    this.#writeStrength(result.intensity, unsure);
    const hints = (result.quality?.hints ?? []).map((each) => known("hint", each));
    text(this.#parts.hints, hints.length ? t("hints", { hints: hints.join(", ") }) : "");
  }

  #writeStrength(intensity, unsure) {
    const gauge = this.#parts.strength;
    const shown = typeof intensity === "number";
    show(gauge, shown);
    if (!shown) return;
    gauge.querySelector("i").style.transform = `scaleX(${intensity.toFixed(2)})`;
    gauge.querySelector(".meter").setAttribute("aria-valuenow", String(Math.round(intensity * 100)));
    const word = unsure ? t("unknown") : t(strength(intensity));
    text(gauge.querySelector("output"), word);
    gauge.title = number(intensity, 2);
  }

  #bar(name) {
    let bar = this.#bars.get(name);
    if (!bar) {
      bar = new Bar(name);
      this.#bars.set(name, bar);
      this.#parts.list.append(bar.element);
    }
    return bar;
  }
}

// The strongest class and its probability.
function lead(probabilities) {
  return Object.entries(probabilities).reduce((best, each) => (each[1] > best[1] ? each : best));
}

/** A small legend: each face with its colour. */
export function legend(faces) {
  return faces.map((face) =>
    words(el("li", { className: `face-${colourOf(face)}` }), "face", { face }),
  );
}
