// What to do now, large over the video, while a calibration or a lesson runs.

import { show, text } from "./dom.js";

export class Guide {
  #root;
  #shownBy = null;

  constructor(root) {
    this.#root = root;
  }

  /** Shows what to do; `who` is the one that may take it away again. */
  show(who, { small, large, progress, left }) {
    this.#shownBy = who;
    const [first, second, bar, last] = this.#root.children;
    text(first, small);
    text(second, large);
    bar.value = progress;
    bar.setAttribute("aria-label", large);
    text(last, left);
    show(this.#root, true);
  }

  hide(who) {
    if (this.#shownBy !== who) return;
    this.#shownBy = null;
    show(this.#root, false);
  }
}
