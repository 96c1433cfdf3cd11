// What the server paints into the picture, as buttons that stay pressed. A change is for all viewers.

import { t } from "../logic/language.js";
import { el, said, show, words } from "./dom.js";

export const LAYERS = ["box", "mesh", "bars", "strip", "mirror"];
const OF_EXPRESSIONS = ["bars", "strip"]; // there are none where no expressions are read

export class Layers {
  #root;
  #change;
  #view = null;
  #shown = [null, false, false];
  #buttons = new Map();

  /** @param {(changes: object) => Promise<void>} change asks the server for a change of the view */
  constructor(root, change) {
    this.#root = root;
    this.#change = change;
    root.append(said("span", "layers"));
    for (const name of LAYERS) {
      const button = el("button", { type: "button", className: "chip", data: { layer: name } });
      button.addEventListener("click", () => this.toggle(name));
      words(button, `layer.${name}`);
      this.#buttons.set(name, button);
      root.append(button);
    }
  }

  /**
   * Shows the server's view, null where it has none; the buttons stay while the server is away.
   * @param {object | null} view
   * @param {boolean} reached whether the server answers
   * @param {boolean} expressions whether expressions are read
   */
  show(view, reached, expressions) {
    this.#shown = [view, reached, expressions];
    this.#view = view;
    for (const button of this.#buttons.values()) button.disabled = !reached;
    if (!reached) return;
    show(this.#root, view !== null);
    if (!view) return;
    for (const [name, button] of this.#buttons) {
      show(button, expressions || !OF_EXPRESSIONS.includes(name));
      const locked = view.locked?.includes(name) ?? false;
      button.setAttribute("aria-pressed", String(Boolean(view[name])));
      button.disabled = locked;
      button.title = t(locked ? "layer.locked" : "layer.hint", { name: t(`layer.${name}`) });
    }
  }

  toggle(name) {
    const { disabled, hidden } = this.#buttons.get(name);
    if (!this.#view || disabled || hidden) return;
    this.#change({ [name]: !this.#view[name] });
  }

  relabel() {
    this.show(...this.#shown);
  }
}
