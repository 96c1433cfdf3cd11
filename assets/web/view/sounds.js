// The driver's alert sounds, made here: nothing is loaded. A browser allows sound after a click only.

// For each kind of alert: its tones as [hertz, start, seconds], and after how long they come again.
const PATTERNS = {
  soft: { tones: [[660, 0, 0.14]], every: 4 },
  drowsy: { tones: [[523, 0, 0.25], [440, 0.3, 0.25], [349, 0.6, 0.4]], every: 8 },
  distraction: { tones: [[880, 0, 0.12], [660, 0.16, 0.12]], every: 1.4 },
  microsleep: { tones: [[1175, 0, 0.09], [1175, 0.14, 0.09], [1175, 0.28, 0.09]], every: 0.8 },
  alarm: { tones: [[1480, 0, 0.2], [988, 0.2, 0.2]], every: 0.4 },
};

export class Sounds {
  #context = null;
  #on = false;
  #kind = null;
  #timer = 0;

  /** Turns the sound on or off; to be called in a click. */
  toggle() {
    this.#on = !this.#on;
    if (this.#on) {
      this.#context ??= new AudioContext();
      this.#context.resume();
    }
    this.#restart();
    return this.#on;
  }

  /** Sounds for an alert until told otherwise; null for silence. */
  play(alert) {
    const kind = alert && kindOf(alert);
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#restart();
  }

  #restart() {
    clearInterval(this.#timer);
    if (!this.#on || !this.#kind) return;
    const { tones, every } = PATTERNS[this.#kind];
    const once = () => tones.forEach((tone) => this.#tone(...tone));
    once();
    this.#timer = setInterval(once, every * 1000);
  }

  #tone(hertz, start, seconds) {
    const begin = this.#context.currentTime + start;
    const oscillator = new OscillatorNode(this.#context, { frequency: hertz, type: "triangle" });
    const gain = new GainNode(this.#context, { gain: 0 });
    gain.gain.setTargetAtTime(0.3, begin, 0.008);
    gain.gain.setTargetAtTime(0, begin + seconds, 0.015);
    oscillator.connect(gain).connect(this.#context.destination);
    oscillator.start(begin);
    oscillator.stop(begin + seconds + 0.15);
  }
}

/** Which pattern an alert has: sleep is unlike anything else, and more pressing. */
export function kindOf({ rule, level }) {
  if (level === "soft") return "soft";
  if (level === "emergency" || (rule === "closure" && level === "urgent")) return "alarm";
  if (rule === "closure") return "microsleep";
  return rule === "perclos" ? "drowsy" : "distraction";
}
