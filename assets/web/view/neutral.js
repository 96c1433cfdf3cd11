// The neutral face: start, progress over the video, reset, and keeping it in this browser by choice.

import { date } from "../logic/format.js";
import { hasKnown, t } from "../logic/language.js";
import { keep, offers, readKept, STORE_KEY } from "../logic/neutral.js";
import { post, put, remove } from "../net/api.js";
import { show, words } from "./dom.js";

export class Neutral {
  #root;
  #guide;
  #server = null;
  #keeps;

  /**
   * @param {import("./guide.js").Guide} guide
   * @param {(doing: () => Promise<object>) => Promise<void>} does carries out a request, tells what fails
   *   and reads the state again
   * @param {() => number | null} face whose face
   */
  constructor(root, guide, does, face) {
    this.#root = root;
    this.#guide = guide;
    this.#keeps = root.querySelector("[data-do=keep]");
    this.#keeps.checked = this.#kept !== null;
    const press = (name, act) => this.#button(name).addEventListener("click", act);
    press("start", () => does(() => post("/api/calibration", { face_id: face() })));
    press("cancel", () => does(() => remove("/api/calibration")));
    press("reset", () => does(() => remove("/api/calibration")));
    press("use", () => does(() => put("/api/calibration", { neutral: this.#kept.neutral, face_id: face() })));
    press("drop", () => this.#forgetKept());
    this.#keeps.addEventListener("change", () => {
      if (this.#keeps.checked) this.#keepNow();
      else this.#forgetKept();
    });
  }

  /** Shows what the server says; null where it has no such thing. */
  show(server) {
    const finished = this.#server?.state === "running" && server?.state === "ready";
    this.#server = server;
    if (finished && this.#keeps.checked) this.#keepNow();
    show(this.#root, server !== null);
    const kept = this.#kept;
    const view = offers(server, kept);
    const told = { none: "neutral.none", ready: "neutral.ready", failed: "neutral.failed", running: "neutral.guide" };
    words(this.#root.querySelector(".told"), told[view.state] ?? "neutral.none", { why: server?.message });
    const remark = this.#root.querySelector(".remark");
    const said = view.state === "ready" && hasKnown("said", server.message);
    show(remark, said);
    if (said) words(remark, `said.${server.message}`);
    const bar = this.#root.querySelector("progress");
    bar.value = view.progress;
    show(bar, view.running);
    show(this.#button("start"), !view.running);
    words(this.#button("start"), view.state === "ready" ? "neutral.again" : "neutral.start");
    show(this.#button("cancel"), view.running);
    show(this.#button("reset"), view.canReset);
    show(this.#root.querySelector(".kept"), view.hasKept);
    show(this.#button("use"), view.canUseKept);
    if (kept) words(this.#root.querySelector(".told-kept"), "neutral.kept", { date: date(kept.at) });
    this.#showGuide(view);
  }

  #showGuide(view) {
    if (!view.running) return this.#guide.hide(this);
    this.#guide.show(this, {
      small: t("neutral"),
      large: t("neutral.guide"),
      progress: view.progress,
      left: t("guide.left", { seconds: view.left }),
    });
  }

  get #kept() {
    return readKept(localStorage.getItem(STORE_KEY));
  }

  #keepNow() {
    const kept = keep(this.#server, new Date().toISOString());
    if (kept) localStorage.setItem(STORE_KEY, kept);
    this.show(this.#server);
  }

  #forgetKept() {
    localStorage.removeItem(STORE_KEY);
    this.#keeps.checked = false;
    this.show(this.#server);
  }

  #button(name) {
    return this.#root.querySelector(`[data-do=${name}]`);
  }
}

