// The recordings that are kept: files to take along, a report to open, and deletion.

import { clock, date, number, size } from "../logic/format.js";
import { t } from "../logic/language.js";
import { files } from "../logic/recording.js";
import { ofStream, remove, stream } from "../net/api.js";
import { el, said, show, words } from "./dom.js";

const SURE_MS = 4000;
const ALONE = "main"; // the stream's name where there is only one

export class Recordings {
  #root;
  #does;
  #tell;
  #shown = "";

  /** @param {(doing: () => Promise<object>) => Promise<boolean>} does as for the recording */
  constructor(root, does, tell) {
    this.#root = root;
    this.#does = does;
    this.#tell = tell;
  }

  /** Shows the server's list, newest first. */
  show(list) {
    show(this.#root.querySelector(".none"), list.length === 0);
    const shown = JSON.stringify([t("session.list"), stream(), list]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const newest = [...list].sort((a, b) => (a.started < b.started ? 1 : -1));
    this.#root.querySelector(".recordings").replaceChildren(...newest.map((each) => this.#item(each)));
  }

  #item({ id, stream: of, started, seconds, events, bytes }) {
    const values = { date: date(started), time: clock(seconds), events: number(events), size: size(bytes) };
    const { csv, jsonl, report } = files(id);
    const link = (href, name, more = {}) =>
      el("a", { className: "button", href: ofStream(href), ...more }, name);
    const row = el("p", { className: "row" },
      link(csv, "CSV", { download: `${id}.csv` }),
      link(jsonl, "JSONL", { download: `${id}.jsonl` }),
      words(link(report, "", { download: `${id}.html` }), "session.report"),
      this.#deletion(id),
    );
    const whose = of && of !== ALONE ? [el("strong", {}, of)] : [];
    return el("li", { data: { id } }, ...whose, said("span", "session.item", values), row);
  }

  // A first press asks, a second one deletes.
  #deletion(id) {
    const button = words(el("button", { type: "button", data: { do: "delete" } }), "session.delete");
    button.addEventListener("click", async () => {
      if (!button.classList.contains("sure")) {
        button.classList.add("sure");
        words(button, "session.deleteSure");
        setTimeout(() => {
          button.classList.remove("sure");
          words(button, "session.delete");
        }, SURE_MS);
        return;
      }
      if (await this.#does(() => remove(`/api/sessions/${encodeURIComponent(id)}`))) {
        this.#tell(t("session.deleted"));
      }
    });
    return button;
  }
}
