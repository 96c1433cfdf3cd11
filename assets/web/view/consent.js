// The question before a camera opens: what happens with its picture, and what it is for.

import { PURPOSES, readsExpressions } from "../logic/consent.js";
import { t } from "../logic/language.js";
import { show, text, words } from "./dom.js";

export class Consent {
  #form;
  #purpose;
  #yes;
  #asked = null;

  /**
   * @param {HTMLFormElement} form
   * @param {(camera: "server" | "browser", purpose: string) => void} onYes the camera may open
   * @param {() => void} onNo it may not
   */
  constructor(form, onYes, onNo) {
    this.#form = form;
    this.#purpose = form.querySelector("select");
    this.#yes = form.querySelector("[type=submit]");
    this.#purpose.append(...PURPOSES.map((each) => words(new Option("", each), `purpose.${each}`)));
    this.#purpose.addEventListener("change", () => this.#check());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#purpose.value) onYes(this.#asked, this.#purpose.value);
    });
    form.querySelector("#camera-no").addEventListener("click", onNo);
  }

  /**
   * Asks about a camera, or about none.
   * @param {"server" | "browser" | null} camera
   * @param {string} purpose what was said already, "" for nothing
   * @param {string} source the camera's name
   */
  ask(camera, purpose, source) {
    const fresh = camera !== null && this.#asked === null;
    this.#asked = camera;
    show(this.#form, camera !== null);
    if (camera === null) return;
    const what = this.#form.querySelector("#consent-what");
    text(what, camera === "server" ? t("consent.server", { source }) : t("consent.browser"));
    if (purpose && !this.#purpose.value) this.#purpose.value = purpose;
    this.#check();
    if (fresh) this.#form.scrollIntoView({ block: "nearest" });
  }

  focus() {
    (this.#yes.disabled ? this.#purpose : this.#yes).focus();
  }

  #check() {
    const { value } = this.#purpose;
    this.#yes.disabled = !value;
    show(this.#form.querySelector("#purpose-off"), value !== "" && !readsExpressions(value));
  }
}
