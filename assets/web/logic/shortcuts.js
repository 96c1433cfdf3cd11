// Which command a key gives. None while something is typed or with Ctrl, Alt or Meta held.

export const KEYS = [
  ["Space", "watch"],
  ["f", "fullscreen"],
  ["p", "pip"],
  ["b", "box"],
  ["g", "mesh"],
  ["v", "bars"],
  ["s", "strip"],
  ["i", "mirror"],
  ["h", "say"],
  ["r", "record"],
  ["m", "marker"],
  ["1 – 9", "digit"],
  ["x", "exclude"],
  ["n", "neutral"],
  [",", "previous"],
  [".", "following"],
  ["d", "theme"],
  ["l", "language"],
  ["?", "help"],
];

const COMMANDS = new Map(KEYS.map(([key, command]) => [key === "Space" ? " " : key, command]));
const TYPING = ["INPUT", "SELECT", "TEXTAREA"];
const PRESSED_BY_SPACE = ["BUTTON", "SUMMARY", "A"];

/**
 * The command of a key press, null for none.
 * @param {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean, repeat?: boolean}} press
 * @param {{tagName: string, type?: string} | null} target what has the focus
 */
export function commandOf(press, target) {
  if (press.ctrlKey || press.altKey || press.metaKey || press.repeat) return null;
  const box = target?.type === "checkbox" || target?.type === "radio";
  if (TYPING.includes(target?.tagName) && !box) return null;
  if (press.key === " " && (box || PRESSED_BY_SPACE.includes(target?.tagName))) return null;
  if (/^[1-9]$/.test(press.key)) return { command: "digit", digit: Number(press.key) };
  const command = COMMANDS.get(press.key.length === 1 ? press.key.toLowerCase() : press.key);
  return command ? { command } : null;
}
