// Tabs of the kind that ARIA describes: arrows move between them, the panels follow.

import { show } from "./dom.js";

export class Tabs {
  #list;
  #onChange;

  /** @param {(name: string) => void} onChange told which panel is shown */
  constructor(list, onChange) {
    this.#list = list;
    this.#onChange = onChange;
    for (const tab of list.children) tab.addEventListener("click", () => this.choose(nameOf(tab)));
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  get chosen() {
    return nameOf(this.#list.querySelector("[aria-selected=true]"));
  }

  /** Shows a panel; one that is not offered is left alone. */
  choose(name, focus = false) {
    const chosen = this.#list.querySelector(`#tab-${name}`);
    if (chosen.hidden) return false;
    for (const tab of this.#list.children) {
      const is = tab === chosen;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      show(document.getElementById(`panel-${nameOf(tab)}`), is);
    }
    if (focus) chosen.focus();
    this.#onChange(name);
    return true;
  }

  /** Offers a panel or takes it away. */
  offer(name, offered) {
    show(this.#list.querySelector(`#tab-${name}`), offered);
    if (!offered && this.chosen === name) this.choose("now");
  }

  #key(event) {
    const tabs = [...this.#list.children].filter((each) => !each.hidden);
    const at = tabs.findIndex((each) => nameOf(each) === this.chosen);
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.choose(nameOf(tabs[(moves[event.key] + tabs.length) % tabs.length]), true);
  }
}

const nameOf = (tab) => tab.id.replace("tab-", "");
