// Watches a stream: keeps a session up, notices when pictures stop, and connects again by itself.

import { Backoff } from "../logic/backoff.js";
import { ofStream } from "./api.js";
import { Refused, Session } from "./peer.js";

const HEARTBEAT_MS = 1000;
const FREEZE_MS = 3000;

export class Watcher {
  #video;
  #onState;
  #onResult;
  #session = null;
  #connection = null;
  #backoff = new Backoff();
  #run = 0;
  #timer = 0;
  #heartbeat = 0;
  #lastPicture = 0;
  #name;

  /**
   * @param {HTMLVideoElement} video where the pictures go
   * @param {(state: string, why: Error | null) => void} onState stopped, connecting, live, reconnecting
   * @param {(result: object) => void} onResult each result of the data channel
   * @param {string} [name] a stream; else the one that is looked at when it connects
   */
  constructor(video, onState, onResult, name) {
    this.#name = name;
    this.#video = video;
    this.#onState = onState;
    this.#onResult = onResult;
  }

  get running() {
    return this.#run % 2 === 1;
  }

  start() {
    if (this.running) return;
    this.#run += 1;
    this.#backoff.reset();
    this.#onState("connecting", null);
    this.#connect();
  }

  stop() {
    if (!this.running) return;
    this.#run += 1;
    this.#drop();
    this.#onState("stopped", null);
  }

  /** Watches another stream, or the same one anew. */
  restart() {
    if (!this.running) return;
    this.#run += 2;
    this.#drop();
    this.#backoff.reset();
    this.#onState("connecting", null);
    this.#connect();
  }

  /** Ends the wait before the next attempt, for instance because the network has come back. */
  retryNow() {
    if (this.running && this.#timer) this.#connect();
  }

  /** To be called for each picture shown, and when a hidden page, which shows none, comes back. */
  pictureShown() {
    this.#lastPicture = performance.now();
  }

  /** The connection's round trip in ms and its lost pictures, null while there is no connection. */
  async figures() {
    const report = await this.#session?.connection.getStats();
    if (!report) return null;
    let roundTripMs = null;
    let dropped = 0;
    report.forEach((each) => {
      if (each.type === "candidate-pair" && each.nominated && each.currentRoundTripTime !== undefined) {
        roundTripMs = each.currentRoundTripTime * 1000;
      }
      if (each.type === "inbound-rtp") dropped += each.framesDropped ?? 0;
    });
    return { roundTripMs, dropped };
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const run = this.#run;
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    const lost = (why) => run === this.#run && connection === this.#connection && this.#lost(why);
    connection.addTransceiver("video", { direction: "recvonly" });
    const channel = connection.createDataChannel("results", { ordered: false, maxRetransmits: 0 });
    channel.onmessage = (message) => connection === this.#connection && this.#onResult(JSON.parse(message.data));
    channel.onclose = () => lost(null); // the first sign of a server that ends
    connection.ontrack = (event) => {
      this.#video.srcObject = new MediaStream([event.track]);
      this.#video.play().catch(() => {});
    };
    connection.onconnectionstatechange = () => {
      if (["failed", "closed"].includes(connection.connectionState)) lost(null);
    };
    try {
      const session = await Session.open(connection, ofStream("/whep", this.#name));
      if (run !== this.#run) return session.close();
      this.#session = session;
    } catch (error) {
      return lost(error);
    }
    this.#lastPicture = performance.now();
    this.#heartbeat = setInterval(() => {
      if (channel.readyState === "open") channel.send("alive");
      if (performance.now() - this.#lastPicture > FREEZE_MS && !document.hidden) lost(null);
    }, HEARTBEAT_MS);
    this.#video.requestVideoFrameCallback(() => {
      if (run !== this.#run || connection !== this.#connection) return;
      this.#backoff.reset();
      this.#onState("live", null);
    });
  }

  #lost(why) {
    this.#drop();
    this.#onState("reconnecting", why instanceof Refused ? why : null);
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    clearInterval(this.#heartbeat);
    if (this.#session) this.#session.close();
    else if (this.#connection) this.#connection.close();
    this.#session = null;
    this.#connection = null;
    this.#video.srcObject = null; // the last picture must not stay on screen
  }
}
