// The status in words and numbers: rates, drops, latency, source, model, what is wrong.

import { number } from "../logic/format.js";
import { known, t } from "../logic/language.js";
import { el, text } from "./dom.js";

/**
 * Shows the facts in a list.
 * @param {HTMLElement} root a <dl>
 * @param {object | null} status of /api/status
 * @param {{fps: number, hz: number, running: boolean, latency: object | null, dropped: number}} here
 *   what this browser measured
 * @param {string[]} hints what would make the reading better, in the server's words
 */
export function showFacts(root, status, here, hints) {
  const facts = rows(status, here, hints);
  while (root.childElementCount < facts.length) root.append(el("div", {}, el("dt"), el("dd")));
  facts.forEach(([name, value, ...notes], index) => {
    const [term, data] = root.children[index].children;
    text(term, name);
    const shown = JSON.stringify([value, notes]);
    if (data.dataset.shown === shown) return;
    data.dataset.shown = shown;
    data.replaceChildren(value, ...notes.filter(Boolean).map((each) => el("em", { className: each.kind }, each.text)));
  });
  while (root.childElementCount > facts.length) root.lastElementChild.remove();
}

function rows(status, here, hints) {
  const unknown = t("unknown");
  const { model, source, viewers, profile } = status ?? {};
  const lost = source?.state === "lost" && warn(t("camera.lost"));
  const ms = (value) => t("status.ms", { value: number(value) });
  const { latency } = here;
  const parts = latency && {
    server: ms(latency.server),
    network: ms(latency.network),
    browser: ms(latency.browser),
  };
  const better = hints.map((each) => known("hint", each)).join(", ");
  return [
    [
      t("status.picture"),
      here.running && here.fps ? t("status.fps", { value: number(here.fps, 1) }) : unknown,
    ],
    [
      t("status.predictions"),
      here.running && here.hz ? t("status.perSecond", { value: number(here.hz, 1) }) : unknown,
      status?.keeps_up === false && warn(t("status.tooSlow")),
    ],
    [
      t("status.latency"),
      latency ? ms(latency.sum) : unknown,
      latency && note(t("status.latencyParts", parts)),
    ],
    drops(status, here),
    [t("status.source"), source ? source.name : unknown, lost],
    [
      t("status.model"),
      model ? [model.name, model.device].filter(Boolean).join(", ") : profile ? t("status.noModel") : unknown,
    ],
    [
      t("status.weights"),
      model ? (model.trained ? t("status.trained") : "") : unknown,
      model?.trained === false && warn(t("status.untrained")),
    ],
    [t("status.quality"), here.running && model ? better || t("status.good") : unknown],
    [t("status.viewers"), viewers ? number(viewers.now) : unknown],
    ...(status?.health?.problems ?? []).map((each) => [t("status.problem"), each]),
  ];
}

function drops(status, here) {
  const { source = 0, vision = 0, composer = 0 } = status?.drops ?? {};
  const values = [source, vision, composer, here.dropped];
  const [a, b, c, d] = values.map((each) => number(each ?? 0));
  const sum = values.reduce((total, each) => total + (each ?? 0), 0);
  const parts = t("status.dropParts", { source: a, vision: b, composer: c, viewer: d });
  return [t("status.drops"), status ? number(sum) : t("unknown"), status && note(parts)];
}

const warn = (words) => ({ kind: "warn", text: words });
const note = (words) => ({ kind: "note", text: words });
