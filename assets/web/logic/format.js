// Numbers, times and sizes as text in the language shown.

import { language } from "./language.js";

const made = new Map();

function formatter(digits, style) {
  const key = `${language()} ${digits} ${style}`;
  if (!made.has(key)) {
    const options = { style, minimumFractionDigits: digits, maximumFractionDigits: digits };
    made.set(key, new Intl.NumberFormat(language(), options));
  }
  return made.get(key);
}

/** A number with so many digits after the point. */
export function number(value, digits = 0) {
  return formatter(digits, "decimal").format(value);
}

/** 0.934 as "93%", in German "93 %". */
export function percent(share) {
  return formatter(0, "percent").format(share);
}

/** Seconds as m:ss, or h:mm:ss from an hour on. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Bytes in the largest unit that leaves at least one. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit && value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A date and time of day; `when` is what Date takes, or seconds since 1970. */
export function date(when) {
  const moment = new Date(typeof when === "number" ? when * 1000 : when);
  if (Number.isNaN(moment.getTime())) return String(when);
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(moment);
}

/** Intensity 0 to 1 as a key of its word. */
export function strength(intensity) {
  if (intensity < 1 / 3) return "intensity.weak";
  return intensity < 2 / 3 ? "intensity.medium" : "intensity.strong";
}
