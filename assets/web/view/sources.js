// Where pictures come from: the choice of a source, the question before a camera opens, this browser's
// camera.

import { asks, isServerCamera } from "../logic/consent.js";
import { t } from "../logic/language.js";
import { ask } from "../net/api.js";
import { Camera } from "../net/camera.js";
import { Consent } from "./consent.js";
import { get, options, show } from "./dom.js";

const NAMED = ["auto", "demo", "browser"];
const nameOf = (source, name) => (NAMED.includes(source) ? t(`source.${source}`) : name);

// A camera may take this long to open.
const OPEN_MS = 25_000;

export class Sources {
  #select = get("source");
  #consent;
  #camera;
  #status = null;
  #wanted = null; // a source that was chosen here and waits for an answer
  #declined = false;
  #changing = false;
  #missing = 0; // answers in a row that know of no sender while we send
  #parts;

  /**
   * @param {object} parts what it works with
   * @param {(line: string) => void} parts.say where problems are told
   * @param {() => boolean} parts.watching whether the page watches
   * @param {() => Promise<void>} parts.refresh reads the status again
   * @param {() => void} parts.onChange told when the browser's camera goes on or off
   * @param {() => void} parts.onSource told when another source is shown
   */
  constructor(parts) {
    this.#parts = parts;
    this.#camera = new Camera(() => parts.onChange());
    this.#consent = new Consent(get("consent"), (camera, purpose) => this.#agree(camera, purpose), () => this.#decline());
    this.#select.addEventListener("change", () => this.#chosen());
    get("camera-use").addEventListener("click", () => {
      this.#declined = false;
      this.#showConsent();
      this.#consent.focus();
    });
  }

  get cameraOn() {
    return this.#camera.on;
  }

  /** Takes the status, null while the server does not answer. */
  async update(status) {
    this.#status = status;
    if (status && this.#select.disabled) await this.#list();
    const current = status?.source?.source;
    if (current !== undefined && this.#wanted === null && document.activeElement !== this.#select) {
      if ([...this.#select.options].some((each) => each.value === current)) this.#select.value = current;
    }
    if (current !== undefined && !this.#changing) this.#supervise(current, status.senders?.length ?? 0);
    this.#showConsent();
  }

  /** Another stream is looked at; a camera that is sent to the one before stays on. */
  switched() {
    this.#status = null;
    this.#wanted = null;
    this.#declined = false;
    this.#missing = 0;
    this.#select.disabled = true; // its list is another
    this.#showConsent();
  }

  /** Watching was started or stopped here. */
  watched(watching) {
    this.#declined = false;
    if (!watching) {
      this.#camera.close();
      this.#wanted = null;
    }
    this.#showConsent();
  }

  close() {
    this.#camera.close();
  }

  /** Writes the words anew, after a change of language. */
  relabel() {
    for (const option of this.#select.options) option.textContent = nameOf(option.value, option.textContent);
    this.#showConsent();
  }

  // The camera goes off when the source becomes another, and is sent again when its connection was lost.
  #supervise(current, senders) {
    if (!this.#camera.here) return;
    if (current !== "browser") {
      this.#camera.close();
      return;
    }
    this.#missing = senders ? 0 : this.#missing + 1;
    if (this.#missing >= 2) {
      this.#missing = 0;
      this.#camera.send().catch(() => {});
    }
  }

  #showConsent() {
    const { consent = null, source, senders } = this.#status ?? {};
    const state = {
      consent,
      wanted: this.#wanted,
      source: source?.source ?? "",
      sending: this.#camera.here || this.#changing || Boolean(senders?.length),
      watching: this.#parts.watching(),
    };
    const camera = this.#status && asks({ ...state, declined: this.#declined });
    this.#consent.ask(camera ?? null, consent?.purpose ?? "", consent?.source || (this.#wanted ?? ""));
    const could = this.#status && this.#declined && asks({ ...state, declined: false }) !== null;
    show(get("camera-use"), Boolean(could));
  }

  async #list() {
    try {
      const { sources } = await ask("/api/sources");
      options(this.#select, sources.map(({ source, name }) => [source, nameOf(source, name)]));
      this.#select.disabled = sources.length === 0;
    } catch {
      this.#select.disabled = true;
    }
  }

  #chosen() {
    const { value } = this.#select;
    const { consent = null } = this.#status ?? {};
    this.#declined = false;
    const mustAsk = value === "browser" || (isServerCamera(value) && consent && !consent.given);
    this.#wanted = mustAsk ? value : null;
    this.#select.blur();
    this.#showConsent();
    if (mustAsk) this.#consent.focus();
    else this.#change(value);
  }

  #decline() {
    this.#wanted = null;
    this.#declined = true;
    this.#showConsent(); // at once, not with the next answer of the server
    this.#parts.refresh();
  }

  async #agree(camera, purpose) {
    const source = camera === "browser" ? "browser" : this.#wanted;
    this.#changing = true;
    try {
      if (camera === "browser") await this.#openCamera();
      await this.#tellPurpose(purpose, camera === "server");
      this.#wanted = null;
      if (source !== null) await this.#change(source);
    } catch (error) {
      this.#camera.close();
      this.#declined = true;
      this.#wanted = null;
      this.#parts.say(error.line ?? t("failed", { why: error.message }));
    }
    this.#changing = false;
    this.#select.disabled = true; // the list may hold more now
    await this.#parts.refresh();
  }

  async #openCamera() {
    if (!navigator.mediaDevices) throw Object.assign(new Error(), { line: t("camera.insecure") });
    try {
      await this.#camera.open();
    } catch (error) {
      const line = error.name === "NotAllowedError" ? t("camera.denied") : t("camera.failed", { why: error.message });
      throw Object.assign(error, { line });
    }
  }

  async #tellPurpose(purpose, camera) {
    if (!this.#status?.consent) return; // this server does not ask
    await ask("/api/consent", { method: "POST", body: { purpose, camera }, timeoutMs: OPEN_MS });
  }

  async #change(source) {
    this.#changing = true;
    this.#parts.say("");
    try {
      await ask("/api/source", { method: "POST", body: { source }, timeoutMs: OPEN_MS });
      if (source === "browser") await this.#camera.send();
      else if (this.#camera.here) this.#camera.close();
      this.#parts.onSource();
    } catch (error) {
      if (this.#camera.here) this.#camera.close();
      this.#parts.say(t("source.failed", { why: error.message }));
    }
    this.#changing = false;
    await this.#parts.refresh();
  }
}
