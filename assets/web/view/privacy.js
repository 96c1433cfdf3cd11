// What viewers get to see: the camera's picture or a mesh, other people, and whose face is read.

import { t } from "../logic/language.js";
import { choices } from "../logic/picture.js";
import { readsExpressions } from "../logic/consent.js";
import { el, options, show, text, words } from "./dom.js";

export class Privacy {
  #root;
  #change;
  #select;

  /** @param {(changes: object) => Promise<void>} change asks the server for a change of the view */
  constructor(root, change) {
    this.#root = root;
    this.#change = change;
    this.#select = root.querySelector("select");
    this.#select.addEventListener("change", () => {
      change({ chosen: this.#select.value === "" ? null : Number(this.#select.value) });
    });
  }

  /** Shows the server's view and the faces that can be chosen. */
  show(view, faces) {
    for (const field of this.#root.querySelectorAll("fieldset")) this.#showChoices(field, view);
    const known = new Set([...faces, ...(view.chosen === null ? [] : [view.chosen])]);
    const wanted = [...known].sort((a, b) => a - b).map((face) => [String(face), t("face", { face })]);
    if (document.activeElement !== this.#select) {
      options(this.#select, [["", t("privacy.chosen.auto")], ...wanted]);
      this.#select.value = view.chosen === null ? "" : String(view.chosen);
    }
    show(this.#select.parentElement, view.bystanders === "blur");
    const locked = ["picture", "bystanders"].some((each) => view.locked?.includes(each));
    show(this.#root.querySelector(".locked"), locked);
  }

  #showChoices(field, view) {
    const { kind } = field.dataset;
    for (const { value, checked, allowed } of choices(kind, view)) {
      let input = field.querySelector(`[value="${value}"]`);
      if (!input) {
        input = el("input", { type: "radio", name: `view-${kind}`, value });
        input.addEventListener("change", () => this.#change({ [kind]: value }));
        const label = words(el("span"), `privacy.${kind}.${value}`);
        field.append(el("label", { className: "check" }, input, label));
      }
      input.checked = checked;
      input.disabled = !allowed;
    }
  }
}

/** Tells the purpose, and what follows from it. */
export function tellPurpose(element, consent) {
  show(element.parentElement, true);
  if (!consent?.purpose) return words(element, "privacy.purpose", { purpose: t("purpose.none") });
  const off = !consent.expressions || !readsExpressions(consent.purpose);
  const line = t("privacy.purpose", { purpose: t(`purpose.${consent.purpose}`) });
  delete element.dataset.t;
  text(element, off ? `${line}. ${t("privacy.purposeOff")}` : line);
  return element;
}
