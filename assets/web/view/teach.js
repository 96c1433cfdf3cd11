// "Teach it my face": the guided minute over the video, then what it gained on frames held back.

import { number, percent } from "../logic/format.js";
import { known, t } from "../logic/language.js";
import { offers } from "../logic/teach.js";
import { ofStream, post, put, remove } from "../net/api.js";
import { el, show, text, words } from "./dom.js";

const TOLD = { idle: "teach.idle", fitting: "teach.fitting", failed: "teach.failed", running: "teach.hold" };

export class Teach {
  #root;
  #guide;

  /** The arguments are as for the neutral face. */
  constructor(root, guide, does, face) {
    this.#root = root;
    this.#guide = guide;
    const press = (name, act) => this.#part(name).addEventListener("click", act);
    press("start", () => does(() => post("/api/teach", { face_id: face() })));
    press("cancel", () => does(() => remove("/api/teach")));
    press("claim", () => does(() => put("/api/teach", { face_id: face() })));
    press("forget", () => does(() => remove("/api/teach")));
  }

  /** Shows what the server says; null where it has no such thing. */
  show(server) {
    show(this.#root, server !== null);
    if (!server) return this.#guide.hide(this);
    this.#part("download").href = ofStream("/api/teach/file");
    const view = offers(server);
    const told = this.#root.querySelector(".told");
    show(told, view.state !== "ready");
    if (view.running) text(told, `${t(view.hold ? "teach.hold" : "teach.ready")} ${name(view.label)}`);
    else words(told, TOLD[view.state] ?? "teach.idle", { why: server.message });
    const bar = this.#root.querySelector("progress");
    show(bar, view.busy);
    if (view.running) bar.value = view.progress;
    else bar.removeAttribute("value"); // it takes as long as it takes
    show(this.#part("start"), !view.busy);
    show(this.#part("cancel"), view.busy);
    show(this.#part("forget"), view.canForget);
    show(this.#part("claim"), view.canClaim);
    show(this.#part("download"), view.canDownload);
    show(this.#root.querySelector("[data-show=download]"), view.canDownload);
    this.#showVerdict(server, view.verdict);
    this.#showGuide(view);
  }

  #showVerdict({ before, after }, verdict) {
    const list = this.#root.querySelector(".compare");
    const line = this.#root.querySelector(".verdict");
    show(list, Boolean(verdict && before && after));
    show(line, verdict !== null);
    if (!verdict) return;
    words(line, verdict.key, { points: number(verdict.points) });
    if (before && after) list.replaceChildren(result("teach.before", before), result("teach.after", after));
  }

  #showGuide(view) {
    if (!view.busy) return this.#guide.hide(this);
    this.#guide.show(this, {
      small: view.running ? t(view.hold ? "teach.hold" : "teach.ready") : t("teach"),
      large: view.running ? name(view.label) : t("teach.fitting"),
      progress: view.running ? view.progress : 1,
      left: view.running ? t("guide.left", { seconds: view.left }) : "",
    });
  }

  #part(what) {
    return this.#root.querySelector(`[data-do=${what}]`);
  }
}

const name = (label) => (label ? known("label", label) : "");

// One bar: the share of held-back frames read right.
function result(key, { accuracy, count }) {
  const fill = el("i");
  fill.style.transform = `scaleX(${accuracy.toFixed(3)})`;
  const word = words(el("span"), key);
  const about = words(el("output"), "teach.accuracy", { value: percent(accuracy), count });
  return el("li", {}, word, el("div", { className: "meter" }, fill), about);
}
