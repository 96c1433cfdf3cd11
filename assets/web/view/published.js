// Says where the server publishes the picture: a mark that stays in sight, and a sentence where people decide.

import { t } from "../logic/language.js";
import { show, words } from "./dom.js";

export class Published {
  #mark;
  #tell;
  #told = "";

  /**
   * @param {HTMLElement} mark
   * @param {(line: string) => void} tell announces a change
   */
  constructor(mark, tell) {
    this.#mark = mark;
    this.#tell = tell;
  }

  /**
   * Shows what the status says.
   * @param {{host: string, state: string} | null} publish null: the stream is not published
   */
  show(publish) {
    const { host = "", state = "" } = publish ?? {};
    const live = state === "live";
    const key = live ? "publish.live" : "publish.soon";
    const told = publish ? t(key, { host }) : "";
    show(this.#mark, publish !== null);
    this.#mark.classList.toggle("on", live);
    words(this.#mark, publish ? key : "", { host });
    for (const each of document.querySelectorAll("[data-published]")) {
      show(each, publish !== null);
      words(each, publish ? "publish.told" : "", { host });
    }
    if (told !== this.#told && told) this.#tell(told);
    this.#told = told;
  }
}
