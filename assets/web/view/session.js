// A recording: what is stored and where, start and stop, markers, ranges left out.

import { clock as clockText, number } from "../logic/format.js";
import { t } from "../logic/language.js";
import { Exclusion, offers } from "../logic/recording.js";
import { post } from "../net/api.js";
import { el, show, words } from "./dom.js";

const LAST_S = 10;

export class Session {
  #root;
  #does;
  #shownAt = 0;
  #tell;
  #server = null;
  #exclusion = new Exclusion();

  /**
   * @param {(doing: () => Promise<object>) => Promise<boolean>} does carries out a request, tells what fails
   *   and reads the state again
   * @param {(line: string) => void} tell says what was done
   */
  constructor(root, does, tell) {
    this.#root = root;
    this.#does = does;
    this.#tell = tell;
    const press = (name, act) => this.#part(name).addEventListener("click", act);
    press("start", () => does(() => post("/api/session/start", { agreed: true })));
    press("stop", () => does(() => post("/api/session/stop")));
    press("mark", () => this.mark(this.#part("label").value.trim()));
    press("exclude", () => this.exclude());
    press("excludeLast", () => this.#excludeLast());
    this.#part("agree").addEventListener("change", () => this.#write());
    this.#part("label").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.mark(this.#part("label").value.trim());
    });
  }

  get recording() {
    return this.#server?.state === "recording";
  }

  /** Seconds since the recording began, now. */
  get #now() {
    return this.#server.seconds + (performance.now() - this.#shownAt) / 1000;
  }

  /** Sets a marker now; without a name it gets a number. */
  async mark(label) {
    if (!this.recording) return this.#tell(t("session.notRecording"));
    const named = label || t("session.markerDefault", { number: this.#server.markers.length + 1 });
    if (await this.#does(() => post("/api/session/marker", { label: named }))) {
      this.#part("label").value = "";
      this.#tell(t("session.marked", { label: named }));
    }
  }

  /** The first call leaves out from now on, the second until now. */
  exclude() {
    if (!this.recording) return this.#tell(t("session.notRecording"));
    const range = this.#exclusion.press(this.#now);
    if (range) return this.#does(() => post("/api/session/exclude", range));
    return this.#write();
  }

  /** Shows what the server says; null where it has no such thing. */
  show(server) {
    this.#server = server;
    this.#shownAt = performance.now();
    if (server) this.#write();
  }

  #write() {
    const server = this.#server;
    const view = offers(server, this.#part("agree").checked);
    if (!view.recording) this.#exclusion.reset();
    const told = { off: "session.off", recording: "session.count", failed: "session.failed" };
    const { seconds, events, dropped } = server;
    const values = { time: clockText(seconds), events: number(events), dropped: number(dropped), why: server.problem ?? "" };
    words(this.#root.querySelector(".told"), told[view.state] ?? "session.off", values);
    this.#root.classList.toggle("is-recording", view.recording);
    show(this.#root.querySelector(".before"), !view.recording);
    this.#showStores(server);
    show(this.#part("start"), !view.recording);
    this.#part("start").disabled = !view.canStart;
    show(this.#part("stop"), view.recording);
    show(this.#root.querySelector(".during"), view.canMark);
    const { from } = this.#exclusion;
    words(this.#part("exclude"), from === null ? "session.excludeFrom" : "session.excludeTo");
    const line = this.#root.querySelector(".excluding");
    show(line, from !== null);
    if (from !== null) words(line, "session.excluding", { time: clockText(from) });
    this.#showNotes(server);
  }

  // What is stored and where, before anything is.
  #showStores({ stores, folder }) {
    const list = this.#root.querySelector(".stores");
    if (list.dataset.shown !== String(stores)) {
      list.dataset.shown = String(stores);
      list.replaceChildren(...stores.map((line) => el("li", {}, line)));
    }
    words(this.#root.querySelector(".folder"), "session.folder", { folder });
  }

  #showNotes({ markers, excluded }) {
    const marks = markers.map(({ t: at, label }) => [at, clockText(at), label]);
    const gaps = excluded.map(({ from, to }) => [
      from,
      `${clockText(from)}–${clockText(to)}`,
      t("session.excluded"),
    ]);
    const lines = [...marks, ...gaps].sort((a, b) => b[0] - a[0]);
    const list = this.#root.querySelector(".notes");
    const shown = JSON.stringify(lines);
    if (list.dataset.shown === shown) return;
    list.dataset.shown = shown;
    list.replaceChildren(
      ...lines.map(([, time, label]) => el("li", {}, el("span", {}, time), el("span", {}, label))),
    );
  }

  #excludeLast() {
    const to = this.#now;
    this.#does(() => post("/api/session/exclude", { from: Math.max(0, to - LAST_S), to }));
  }

  #part(name) {
    return this.#root.querySelector(`[data-do=${name}]`);
  }
}

