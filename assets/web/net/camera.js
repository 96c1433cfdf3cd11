// Sends this browser's camera to the server.

import { ofStream, stream } from "./api.js";
import { Session } from "./peer.js";

const WANTED = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };

export class Camera {
  #media = null;
  #session = null;
  #onChange;
  #stream = "";

  /** @param {(on: boolean) => void} onChange told when the camera goes on or off */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  get on() {
    return this.#media !== null;
  }

  /** Whether it is on for the stream that is looked at. */
  get here() {
    return this.on && this.#stream === stream();
  }

  /** Opens the camera; must come from a click. The picture is not sent yet. */
  async open() {
    this.close(); // it may be on for another stream
    this.#stream = stream();
    this.#media = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
    const track = this.#media.getVideoTracks()[0];
    track.contentHint = "motion";
    track.onended = () => this.close();
    this.#onChange(true);
  }

  /** Sends the open camera; called again, it does so over a new connection. */
  async send() {
    this.#session?.close();
    this.#session = null;
    const connection = new RTCPeerConnection();
    const track = this.#media.getVideoTracks()[0];
    const { sender } = connection.addTransceiver(track, { direction: "sendonly", streams: [this.#media] });
    // a face must keep its size in pixels; rather fewer pictures than smaller ones
    const parameters = sender.getParameters();
    parameters.degradationPreference = "maintain-resolution";
    await sender.setParameters(parameters).catch(() => {});
    this.#session = await Session.open(connection, ofStream("/whip", this.#stream));
  }

  /** Turns the camera off and ends the session. Can be called twice. */
  close() {
    this.#session?.close();
    this.#session = null;
    if (this.#media) {
      this.#media.getTracks().forEach((track) => track.stop());
      this.#media = null;
      this.#onChange(false);
    }
  }
}
