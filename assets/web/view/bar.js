// One expression's bar: word, meter, number.

import { percent } from "../logic/format.js";
import { known, t } from "../logic/language.js";
import { el, text } from "./dom.js";

export class Bar {
  #fill = el("i");
  #word = el("span");
  #meter = el("div", { className: "meter", role: "meter" });
  #number = el("output");
  #name;
  #shown = -1;

  constructor(name) {
    this.#name = name;
    this.#meter.setAttribute("aria-valuemin", "0");
    this.#meter.setAttribute("aria-valuemax", "100");
    this.#meter.append(this.#fill);
    this.element = el("li", { data: { name } }, this.#word, this.#meter, this.#number);
    this.name();
  }

  /** Writes the word in the language shown. */
  name() {
    const label = known("label", this.#name);
    text(this.#word, label);
    this.#meter.setAttribute("aria-label", t("meter", { label }));
  }

  show(value, strongest) {
    this.element.classList.toggle("strongest", strongest);
    const share = Math.round(value * 1000);
    if (share === this.#shown) return;
    this.#shown = share;
    this.#fill.style.transform = `scaleX(${share / 1000})`;
    text(this.#number, percent(value));
    this.#meter.setAttribute("aria-valuenow", String(Math.round(value * 100)));
  }

  /** Shows that nothing is known. */
  blank() {
    this.#shown = -1;
    this.element.classList.remove("strongest");
    this.#fill.style.transform = "scaleX(0)";
    text(this.#number, t("unknown"));
    this.#meter.removeAttribute("aria-valuenow");
  }
}
