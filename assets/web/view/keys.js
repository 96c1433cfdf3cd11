// Single keys: which command each gives, wherever the focus is but in a field.

import { commandOf } from "../logic/shortcuts.js";

/**
 * Listens for keys.
 * @param {() => boolean} work whether single keys are on
 * @param {Object<string, (digit?: number) => void>} commands by name
 */
export function listenForKeys(work, commands) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !work()) return;
    const found = commandOf(event, document.activeElement);
    if (!found || (document.querySelector("dialog[open]") && found.command !== "help")) return;
    event.preventDefault();
    commands[found.command](found.digit);
  });
}
