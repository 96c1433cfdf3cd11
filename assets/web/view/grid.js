// All streams as small live pictures, where there are several: a press makes one of them the large one.

import { colourOf } from "../logic/colours.js";
import { isServerCamera } from "../logic/consent.js";
import { known, t } from "../logic/language.js";
import { beside, Labels, stateOf } from "../logic/streams.js";
import { Watcher } from "../net/watcher.js";
import { el, show, text, words } from "./dom.js";

const WRITE_MS = 400; // a word that changes more often cannot be read
const PAUSE_MS = 5000; // a picture out of sight for so long is not fetched any more

export class Grid {
  #root;
  #list;
  #choose;
  #tiles = new Map();
  #large = "";

  /**
   * @param {HTMLElement} root
   * @param {(name: string) => void} choose told which stream shall be large
   */
  constructor(root, choose) {
    this.#root = root;
    this.#list = root.querySelector("ul");
    this.#choose = choose;
    setInterval(() => this.#tiles.forEach((tile) => tile.write()), WRITE_MS);
    document.addEventListener("visibilitychange", () => this.#tiles.forEach((tile) => tile.seen()));
  }

  /** Whether there are several streams. */
  get several() {
    return this.#tiles.size > 1;
  }

  /** Whether a camera of the server is open for one of them. */
  get cameraOn() {
    return [...this.#tiles.values()].some((tile) => tile.cameraOn);
  }

  /** Takes the names of all streams, and which is large; one alone has no grid. */
  offer(names, large) {
    if (names.length < 2) return;
    if (names.join() !== [...this.#tiles.keys()].join()) {
      this.#tiles.forEach((tile) => tile.close());
      this.#tiles = new Map(names.map((name) => [name, new Tile(name, () => this.#choose(name))]));
      this.#list.replaceChildren(...[...this.#tiles.values()].map((tile) => el("li", {}, tile.element)));
      show(this.#root, true);
      document.body.dataset.streams = "several";
      this.#large = "";
    }
    this.enlarge(large);
  }

  /** Says which one is large: its small picture is the large one's, and fetched once. */
  enlarge(name) {
    if (name === this.#large) return;
    this.#large = name;
    this.#tiles.forEach((tile) => tile.enlarge(tile.name === name));
  }

  /** Gives the large picture to its tile; null while there is none. */
  mirror(media) {
    this.#tiles.get(this.#large)?.mirror(media);
  }

  /** Takes a result of the large stream. */
  result(result) {
    this.#tiles.get(this.#large)?.result(result);
  }

  /** Takes what the server says of all streams, null while it does not answer. */
  update(streams) {
    for (const each of streams ?? []) this.#tiles.get(each.stream)?.update(each);
  }

  /** Goes on or stops with the large picture. */
  watch(watching) {
    this.#tiles.forEach((tile) => tile.watch(watching));
  }

  /** Makes the stream before (-1) or after (1) the large one large. */
  step(by) {
    if (this.several) this.#choose(beside([...this.#tiles.keys()], this.#large, by));
  }

  relabel() {
    this.#tiles.forEach((tile) => tile.relabel());
  }
}

class Tile {
  #video = el("video", { muted: true, autoplay: true, playsInline: true, tabIndex: -1 });
  #state = el("span", { className: "tile-state" });
  #faces = el("span", { className: "tile-faces" });
  #watcher;
  #labels = new Labels();
  #told = null; // what the server said last
  #large = false;
  #inView = false;
  #watching = true;
  #timer = 0;
  #observer;
  #shown = "";

  constructor(name, choose) {
    this.name = name;
    this.#video.setAttribute("aria-hidden", "true");
    this.element = el(
      "button",
      { type: "button", className: "tile", data: { stream: name }, on: { click: choose } },
      this.#video,
      el("span", { className: "tile-name" }, name),
      this.#state,
      this.#faces,
    );
    const onState = (state) => state !== "live" && this.#labels.clear();
    this.#watcher = new Watcher(this.#video, onState, (result) => this.result(result), name);
    this.#observer = new IntersectionObserver(([entry]) => {
      this.#inView = entry.isIntersecting;
      this.seen();
    });
    this.#observer.observe(this.element);
    this.#countPictures();
    this.write();
  }

  get cameraOn() {
    const { source, state } = this.#told?.source ?? {};
    return state === "live" && isServerCamera(source ?? "");
  }

  enlarge(large) {
    this.#large = large;
    this.element.setAttribute("aria-pressed", String(large));
    this.element.title = t("streams.about");
    this.#labels.clear();
    if (large) {
      this.#watcher.stop();
      this.#video.srcObject = null;
    }
    this.#run();
  }

  mirror(media) {
    this.#video.srcObject = media;
    if (media) this.#video.play().catch(() => {});
    else this.#labels.clear();
  }

  result(result) {
    this.#labels.add(result, performance.now());
  }

  update(told) {
    this.#told = told;
    this.write();
  }

  watch(watching) {
    this.#watching = watching;
    this.#run();
  }

  /** It came into sight or went out of it: at once the one way, after a while the other. */
  seen() {
    clearTimeout(this.#timer);
    if (this.#visible) this.#run();
    else this.#timer = setTimeout(() => this.#run(), PAUSE_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
    this.#watcher.stop();
    this.#watching = false;
  }

  relabel() {
    this.#shown = "";
    this.element.title = t("streams.about");
    this.write();
  }

  /** Writes its words, where they have changed. */
  write() {
    const list = this.#labels.list(performance.now());
    const failing = this.#told?.failing ?? [];
    const paused = !this.#large && !this.#watcher.running;
    const state = stateOf(this.#told?.source, paused);
    const shown = JSON.stringify([list, failing, state, this.#told?.reads]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    words(this.#state, `tile.${state}`);
    this.element.dataset.state = failing.length && state === "live" ? "failing" : state;
    this.element.title = failing.length ? t("streams.failing", { parts: failing.join(", ") }) : t("streams.about");
    const none = this.#told?.reads === false ? "streams.notRead" : "streams.nobody";
    if (!list.length) return text(this.#faces, state === "live" ? t(none) : "");
    this.#faces.replaceChildren(...list.map(badge));
  }

  get #visible() {
    return this.#inView && !document.hidden;
  }

  #run() {
    if (this.#large) return;
    if (this.#watching && this.#visible) this.#watcher.start();
    else this.#watcher.stop();
    this.write();
  }

  #countPictures() {
    this.#video.requestVideoFrameCallback(() => {
      this.#watcher.pictureShown();
      this.#countPictures();
    });
  }
}

// A face's number and its label, in the face's colour; the driver's state without a number.
function badge({ face, label }) {
  const word = label === "unsure" ? t("unsure") : known("label", label);
  if (face === null) return el("span", { className: "badge" }, label);
  const number = el("b", { className: `face-${colourOf(face)}`, ariaHidden: "true" }, String(face));
  const said = el("span", { className: "aside-only" }, `${t("face", { face })}: `);
  return el("span", { className: "badge" }, number, said, " ", word);
}
