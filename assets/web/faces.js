// One panel for each face: label, bars, and the strip of the window's moments.

import { drawStrip } from "./strip.js";
import { TEXT } from "./strings.js";

const STALE_MS = 2000;

export class Faces {
  #root;
  #nobody;
  #template;
  #panels = new Map();

  constructor(root, nobody, template) {
    this.#root = root;
    this.#nobody = nobody;
    this.#template = template;
    setInterval(() => this.#dropStale(), 500);
  }

  /** Shows one result of the server: a prediction, or a face found or lost. */
  show(result) {
    if (result.event === "face_lost") return this.#remove(result.face);
    if (!result.probabilities) return;
    let panel = this.#panels.get(result.face);
    if (!panel) {
      panel = new Panel(this.#template, result.face);
      this.#panels.set(result.face, panel);
      this.#root.append(panel.element);
      this.#nobody.hidden = true;
    }
    panel.show(result);
  }

  /** Removes everything: what is old must not look like now. */
  clear() {
    for (const id of [...this.#panels.keys()]) this.#remove(id);
  }

  #remove(id) {
    this.#panels.get(id)?.element.remove();
    this.#panels.delete(id);
    this.#nobody.hidden = this.#panels.size > 0;
  }

  #dropStale() {
    const limit = performance.now() - STALE_MS;
    for (const [id, panel] of [...this.#panels]) if (panel.shownAt < limit) this.#remove(id);
  }
}

class Panel {
  #label;
  #bars = new Map();
  #list;
  #strip;
  #hints;

  constructor(template, id) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.face = id;
    this.element.querySelector("h2").textContent = TEXT.face(id);
    this.#label = this.element.querySelector(".label");
    this.#list = this.element.querySelector(".bars");
    this.#strip = this.element.querySelector(".strip");
    this.#hints = this.element.querySelector(".hints");
    this.shownAt = 0;
  }

  show(result) {
    this.shownAt = performance.now();
    const unsure = result.label === "unsure";
    this.#label.textContent = unsure ? TEXT.unsure : `${result.label} ${TEXT.percent(result.confidence)}`;
    this.#label.classList.toggle("unsure", unsure);
    const strongest = Math.max(...Object.values(result.probabilities));
    for (const [name, value] of Object.entries(result.probabilities)) {
      this.#bar(name).show(value, value === strongest && !unsure);
    }
    const { static_index: fixed, dynamic_index: moving } = result;
    this.#strip.hidden = !fixed || !moving;
    if (fixed && moving) drawStrip(this.#strip, fixed, moving);
    const hints = result.quality?.hints ?? [];
    this.#hints.textContent = hints.length ? TEXT.hints(hints) : "";
  }

  #bar(name) {
    let bar = this.#bars.get(name);
    if (!bar) {
      bar = new Bar(name);
      this.#bars.set(name, bar);
      this.#list.append(bar.element);
    }
    return bar;
  }
}

class Bar {
  constructor(name) {
    this.element = document.createElement("li");
    this.element.dataset.name = name;
    const word = document.createElement("span");
    word.textContent = name;
    this.meter = document.createElement("div");
    this.meter.className = "meter";
    this.meter.setAttribute("role", "meter");
    this.meter.setAttribute("aria-label", TEXT.meter(name));
    this.meter.setAttribute("aria-valuemin", "0");
    this.meter.setAttribute("aria-valuemax", "100");
    this.fill = document.createElement("i");
    this.meter.append(this.fill);
    this.number = document.createElement("output");
    this.element.append(word, this.meter, this.number);
  }

  show(value, strongest) {
    this.fill.style.transform = `scaleX(${value.toFixed(4)})`;
    this.number.textContent = TEXT.percent(value);
    this.meter.setAttribute("aria-valuenow", String(Math.round(value * 100)));
    this.element.classList.toggle("strongest", strongest);
  }
}
