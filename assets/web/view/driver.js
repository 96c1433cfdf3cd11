// The driver view: state, alert, openness trace, PERCLOS gauges, gaze zone, alert log, buttons.

import { number, percent } from "../logic/format.js";
import { t as say } from "../logic/language.js";
import { post } from "../net/api.js";
import { el, localise, said, svg as make, words } from "./dom.js";
import { Sounds } from "./sounds.js";

const STALE_MS = 2000;
const TRACE_S = 30;
const LOG_LINES = 50;
const ZONES = [null, "up", null, "left", "road", "right", null, "down", null];
const ARROWS = { up: "↑", left: "←", road: "●", right: "→", down: "↓" };

export class DriverPanel {
  #root;
  #tell;
  #sounds = new Sounds();
  #trace = [];
  #standing = new Map(); // rule: what was last logged of it
  #newest = -Infinity;
  #shownAt = 0;

  /** @param {(line: string) => void} tell where problems are told */
  constructor(root, template, tell) {
    this.#root = root;
    this.#tell = tell;
    root.append(template.content.cloneNode(true));
    localise(root);
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
    this.#showWord("NO DATA", "", 1);
    if (!ended) return;
    this.#standing.clear();
    this.#showAlarm(undefined);
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #showWord(word, why, progress) {
    this.#root.dataset.word = word;
    const more = el("small", {}, word === "CALIBRATING" ? `${why} ${percent(progress)}` : why);
    this.#find(".word").replaceChildren(word === "NO DATA" ? say("driver.NO DATA") : word, more);
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
    const open = openness === null ? say("driver.unknown") : percent(openness);
    this.#find(".trace output").textContent = open;
    this.#find("svg").setAttribute("aria-label", `${say("driver.openness")}: ${open}`);
  }

  #showGauges(windows) {
    const list = this.#find(".gauges");
    if (list.childElementCount !== windows.length) list.replaceChildren(...windows.map(gauge));
    windows.forEach(({ window_s, share, limit }, index) => {
      const item = list.children[index];
      const meter = item.querySelector(".meter");
      item.querySelector("span").textContent = say("driver.perclos", { seconds: window_s });
      item.querySelector("i").style.transform = `scaleX(${Math.min(1, (share ?? 0) / (2 * limit)).toFixed(3)})`;
      item.querySelector("output").textContent =
        share === null ? say("driver.notYet") : `${number(share * 100, 1)} %`;
      item.classList.toggle("over", share !== null && share >= limit);
      meter.setAttribute("aria-label", say("driver.perclos", { seconds: window_s }));
      meter.setAttribute("aria-valuenow", String(Math.round((share ?? 0) * 100)));
    });
  }

  #showZone(zone) {
    const zones = this.#find(".zones");
    zones.setAttribute("aria-label", say("driver.zone", { zone }));
    for (const cell of zones.children) cell.classList.toggle("now", cell.dataset.zone === zone);
  }

  #showFigures(event) {
    const { blinks_per_min: blinks, speed_kmh: kmh } = event;
    const seconds = (value) => say("driver.seconds", { value: number(value, 1) });
    const values = {
      blinks: blinks === null ? say("unknown") : say("driver.perMinute", { value: number(blinks) }),
      yawns: number(event.yawns),
      offRoad: seconds(event.off_road_s),
      offRoadSum: seconds(event.off_road_sum_s),
      speed:
        kmh === null
          ? say("driver.noSpeed")
          : say("driver.kmh", { value: number(kmh), band: event.speed_band }),
    };
    this.#find(".figures").replaceChildren(
      ...Object.entries(values).flatMap(([name, value]) => [said("dt", `driver.${name}`), el("dd", {}, value)]),
    );
  }

  #note(t, alert) {
    const before = this.#standing.get(alert.rule);
    const known = before ?? { level: "none", acknowledged: false };
    if (known.level === alert.level && known.acknowledged === alert.acknowledged) return;
    if (alert.level === "none") this.#standing.delete(alert.rule);
    else this.#standing.set(alert.rule, alert);
    const answered = alert.level === known.level;
    const what = alert.level === "none" ? say("driver.ended") : answered ? say("driver.acknowledged") : alert.level;
    const parts = [say("driver.seconds", { value: number(t, 1) }), alert.reason || known.reason, what];
    const line = el("li", {}, ...parts.map((each) => el("span", {}, each)));
    const log = this.#find(".log");
    log.prepend(line);
    while (log.childElementCount > LOG_LINES) log.lastElementChild.remove();
  }

  async #press(button) {
    if (button.dataset.do === "sound") {
      const on = this.#sounds.toggle();
      button.setAttribute("aria-pressed", String(on));
      words(button, on ? "driver.soundOff" : "driver.soundOn");
      return;
    }
    try {
      await post(`/api/driver/${button.dataset.do}`);
      this.#tell("");
    } catch (error) {
      this.#tell(say("driver.failed", { why: error.message }));
    }
  }

  /** Old figures must not look like now; an alert that stands goes on. */
  #dropStale() {
    if (this.#newest > -Infinity && performance.now() - this.#shownAt > STALE_MS) {
      this.#showWord("NO DATA", "", 1);
      this.#showZone("unknown");
    }
  }
}

function level(openness) {
  return 56 - 48 * Math.min(1.1, Math.max(0, openness));
}

function zoneCell(zone) {
  const cell = el("i", { className: zone ?? "corner", data: zone ? { zone } : {} });
  cell.textContent = ARROWS[zone] ?? "";
  return cell;
}

function gauge() {
  const meter = el("div", { className: "meter", role: "meter" }, el("i"), el("b"));
  meter.setAttribute("aria-valuemin", "0");
  meter.setAttribute("aria-valuemax", "100");
  return el("li", {}, el("span"), meter, el("output"));
}
