// The help: every key with what it does, and a switch that turns single keys off.

import { KEYS } from "../logic/shortcuts.js";
import { el, said } from "./dom.js";

const STORE_KEY = "ifdd-live.keys";

export class Help {
  #dialog;
  #switch;

  constructor(dialog) {
    this.#dialog = dialog;
    this.#switch = dialog.querySelector("#keys-on");
    this.#switch.checked = localStorage.getItem(STORE_KEY) !== "off";
    this.#switch.addEventListener("change", () => {
      localStorage.setItem(STORE_KEY, this.#switch.checked ? "on" : "off");
    });
    dialog.querySelector("[data-do=close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    const rows = KEYS.map(([key, command]) =>
      el("div", { data: { command } }, el("dt", {}, el("kbd", {}, key)), said("dd", `key.${command}`)),
    );
    dialog.querySelector(".keys").append(...rows);
  }

  get keysWork() {
    return this.#switch.checked;
  }

  toggle() {
    if (this.#dialog.open) this.#dialog.close();
    else this.#dialog.showModal();
  }
}
