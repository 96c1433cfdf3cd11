// What a small picture says of its stream: its state in a word, and the newest label of each face.

import { freshness } from "./freshness.js";

const STATES = ["live", "opening", "waiting", "lost", "ended"];

/**
 * The word for a stream's state.
 * @param {{state: string} | null | undefined} source what the server says of the source, null for nothing
 * @param {boolean} paused whether no picture is fetched now, because nobody can see it
 */
export function stateOf(source, paused) {
  if (paused) return "paused";
  return STATES.includes(source?.state) ? source.state : "connecting";
}

/** The stream beside one, going round; `step` is 1 or -1. */
export function beside(streams, name, step) {
  const at = streams.indexOf(name);
  if (at < 0) return streams[0];
  return streams[(at + step + streams.length) % streams.length];
}

/** The newest label of each face of a stream, by the face's number; old ones go. */
export class Labels {
  #faces = new Map();
  #driver = null;

  /** Takes a result of the server. */
  add(result, now) {
    if (result.event === "face_lost") this.#faces.delete(result.face);
    else if (result.event === "driver_state") this.#driver = { word: result.state, at: now };
    else if (result.probabilities) this.#faces.set(result.face, { label: result.label, at: now });
  }

  clear() {
    this.#faces.clear();
    this.#driver = null;
  }

  /** [{face, label}] by number; face null for the driver's state. */
  list(now) {
    for (const [face, { at }] of [...this.#faces]) {
      if (freshness(now - at) === "gone") this.#faces.delete(face);
    }
    const faces = [...this.#faces].map(([face, { label }]) => ({ face, label }));
    faces.sort((a, b) => a.face - b.face);
    const driver = this.#driver && freshness(now - this.#driver.at) !== "gone" ? this.#driver : null;
    return driver ? [{ face: null, label: driver.word }, ...faces] : faces;
  }
}
