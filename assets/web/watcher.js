// Watches a stream: keeps a session up, notices when pictures stop, and connects again by itself.

import { Refused, Session } from "./peer.js";

const HEARTBEAT_MS = 1000;
const FREEZE_MS = 3000;
const RETRY_MS = [300, 600, 1200, 2500, 5000];

export class Watcher {
  #video;
  #onState;
  #onResult;
  #session = null;
  #connection = null;
  #attempt = 0;
  #run = 0;
  #timer = 0;
  #heartbeat = 0;
  #lastPicture = 0;

  /**
   * @param {HTMLVideoElement} video where the pictures go
   * @param {(state: string, why: Error | null) => void} onState stopped, connecting, live, reconnecting
   * @param {(result: object) => void} onResult each result of the data channel
   */
  constructor(video, onState, onResult) {
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
    this.#attempt = 0;
    this.#onState("connecting", null);
    this.#connect();
  }

  stop() {
    if (!this.running) return;
    this.#run += 1;
    this.#drop();
    this.#onState("stopped", null);
  }

  /** Ends the wait before the next attempt, for instance because the network has come back. */
  retryNow() {
    if (this.running && this.#timer) this.#connect();
  }

  /** To be called for each picture shown, and when a hidden page, which shows none, comes back. */
  pictureShown() {
    this.#lastPicture = performance.now();
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
      const session = await Session.open(connection, "/whep");
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
      this.#attempt = 0;
      this.#onState("live", null);
    });
  }

  #lost(why) {
    this.#drop();
    this.#onState("reconnecting", why instanceof Refused ? why : null);
    this.#timer = setTimeout(() => this.#connect(), RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)]);
    this.#attempt += 1;
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
