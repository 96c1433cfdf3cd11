// The driver view: state, alert, openness trace, PERCLOS gauges, gaze zone, alert log, buttons.

import { Sounds } from "./sounds.js";
import { TEXT } from "./strings.js";

const STALE_MS = 2000;
const TRACE_S = 30;
const LOG_LINES = 50;
const NAMESPACE = "http://www.w3.org/2000/svg";
const ZONES = [null, "up", null, "left", "road", "right", null, "down", null];

export class DriverPanel {
  #root;
  #say;
  #sounds = new Sounds();
  #trace = [];
  #standing = new Map(); // rule: what was last logged of it
  #newest = -Infinity;
  #shownAt = 0;

  /** @param {(line: string) => void} say where problems are told */
  constructor(root, template, say) {
    this.#root = root;
    this.#say = say;
    root.append(template.content.cloneNode(true));
    this.#find(".zones").append(...ZONES.map(zoneCell));
    const svg = this.#find("svg");
    svg.append(make("line", { x1: 0, x2: 300, y1: level(0.2), y2: level(0.2) }), make("path", {}));
    for (const button of root.querySelectorAll("button")) {
      button.addEventListener("click", () => this.#press(button));
    }
    setInterval(() => this.#dropStale(), 500);
  }

  /** Shows the view in the driver profile, hides it in another. */
  choose(shown) {
    this.#root.hidden = !shown;
    if (!shown) this.#sounds.play(null);
  }

  /** Shows an event of the driver profile; true if it was one. The channel may lose or swap events. */
  show(event) {
    if (event.event === "driver_alert") {
      if (event.t >= this.#newest) this.#note(event.t, event);
      return true;
    }
    if (event.event !== "driver_state") return false;
    if (event.t < this.#newest) return true;
    this.#newest = event.t;
    this.#shownAt = performance.now();
    this.#root.hidden = false;
    this.#showWord(event.state, event.why, event.calibration);
    this.#showAlarm(event.alerts[0]);
    this.#showTrace(event);
    this.#showGauges(event.perclos);
    this.#showZone(event.zone);
    this.#showFigures(event);
    for (const alert of event.alerts) this.#note(event.t, alert);
    for (const [rule, alert] of [...this.#standing]) {
      if (!event.alerts.some((each) => each.rule === rule)) this.#note(event.t, { ...alert, level: "none" });
    }
    return true;
  }

  /** Forgets what is shown: the connection is gone. Unless it was ended, an alert that stands goes on. */
  clear(ended) {
    this.#newest = -Infinity;
    this.#trace = [];
    this.#showWord(TEXT.noData, "", 1);
    if (!ended) return;
    this.#standing.clear();
    this.#showAlarm(undefined);
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #showWord(word, why, progress) {
    this.#root.dataset.word = word;
    const more = document.createElement("small");
    more.textContent = word === "CALIBRATING" ? `${why} ${TEXT.percent(progress)}` : why;
    this.#find(".word").replaceChildren(word, more);
  }

  #showAlarm(alert) {
    const alarm = this.#find(".alarm");
    alarm.hidden = !alert;
    alarm.textContent = alert ? alert.reason : "";
    alarm.dataset.level = alert ? alert.level : "none";
    this.#sounds.play(alert?.audible ? alert : null);
  }

  #showTrace({ t, openness }) {
    this.#trace.push([t, openness]);
    while (this.#trace[0][0] < t - TRACE_S) this.#trace.shift();
    let path = "";
    let pen = "M"; // lifted where the openness is unknown
    for (const [time, value] of this.#trace) {
      if (value === null) pen = "M";
      else {
        path += `${pen}${(300 * (1 - (t - time) / TRACE_S)).toFixed(1)} ${level(value).toFixed(1)}`;
        pen = "L";
      }
    }
    this.#find("path").setAttribute("d", path);
    this.#find(".trace output").textContent = TEXT.openness(openness);
    this.#find("svg").setAttribute("aria-label", TEXT.openness(openness));
  }

  #showGauges(windows) {
    const list = this.#find(".gauges");
    if (list.childElementCount !== windows.length) list.replaceChildren(...windows.map(gauge));
    windows.forEach(({ window_s, share, limit }, index) => {
      const item = list.children[index];
      const meter = item.querySelector(".meter");
      item.querySelector("span").textContent = TEXT.perclos(window_s);
      item.querySelector("i").style.transform = `scaleX(${Math.min(1, (share ?? 0) / (2 * limit)).toFixed(3)})`;
      item.querySelector("output").textContent = share === null ? TEXT.notYet : `${(share * 100).toFixed(1)} %`;
      item.classList.toggle("over", share !== null && share >= limit);
      meter.setAttribute("aria-label", TEXT.perclos(window_s));
      meter.setAttribute("aria-valuenow", String(Math.round((share ?? 0) * 100)));
    });
  }

  #showZone(zone) {
    const zones = this.#find(".zones");
    zones.setAttribute("aria-label", TEXT.zone(zone));
    for (const cell of zones.children) cell.classList.toggle("now", cell.dataset.zone === zone);
  }

  #showFigures(event) {
    const values = [
      TEXT.perMinute(event.blinks_per_min),
      String(event.yawns),
      TEXT.seconds(event.off_road_s),
      TEXT.seconds(event.off_road_sum_s),
      TEXT.speed(event.speed_kmh, event.speed_band),
    ];
    this.#find(".figures").replaceChildren(
      ...values.flatMap((value, index) => [text("dt", TEXT.figures[index]), text("dd", value)]),
    );
  }

  #note(t, alert) {
    const before = this.#standing.get(alert.rule);
    const known = before ?? { level: "none", acknowledged: false };
    if (known.level === alert.level && known.acknowledged === alert.acknowledged) return;
    if (alert.level === "none") this.#standing.delete(alert.rule);
    else this.#standing.set(alert.rule, alert);
    const answered = alert.level === known.level;
    const what = alert.level === "none" ? TEXT.ended : answered ? TEXT.acknowledged : alert.level;
    const line = document.createElement("li");
    line.append(...TEXT.alertLine(t, alert.reason || known.reason, what).map((each) => text("span", each)));
    const log = this.#find(".log");
    log.prepend(line);
    while (log.childElementCount > LOG_LINES) log.lastElementChild.remove();
  }

  async #press(button) {
    if (button.dataset.do === "sound") {
      const on = this.#sounds.toggle();
      button.setAttribute("aria-pressed", String(on));
      button.textContent = on ? TEXT.soundOff : TEXT.soundOn;
      return;
    }
    try {
      const response = await fetch(`/api/driver/${button.dataset.do}`, {
        method: "POST",
        signal: AbortSignal.timeout(5000),
      });
      if (!response.ok) throw new Error((await response.text()).trim());
      this.#say("");
    } catch (error) {
      this.#say(TEXT.driverFailed(error.message));
    }
  }

  /** Old figures must not look like now; an alert that stands goes on. */
  #dropStale() {
    if (this.#newest > -Infinity && performance.now() - this.#shownAt > STALE_MS) {
      this.#showWord(TEXT.noData, "", 1);
      this.#showZone("unknown");
    }
  }
}

function level(openness) {
  return 56 - 48 * Math.min(1.1, Math.max(0, openness));
}

function make(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(name, content) {
  const element = document.createElement(name);
  element.textContent = content;
  return element;
}

function zoneCell(zone) {
  const cell = document.createElement("i");
  if (zone) cell.dataset.zone = zone;
  cell.className = zone ?? "corner";
  cell.textContent = TEXT.zones[zone] ?? "";
  return cell;
}

function gauge() {
  const item = document.createElement("li");
  const meter = document.createElement("div");
  meter.className = "meter";
  meter.setAttribute("role", "meter");
  meter.setAttribute("aria-valuemin", "0");
  meter.setAttribute("aria-valuemax", "100");
  meter.append(document.createElement("i"), document.createElement("b"));
  item.append(document.createElement("span"), meter, document.createElement("output"));
  return item;
}
