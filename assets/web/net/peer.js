// One WebRTC session by WHEP or WHIP: an offer goes out by POST, the session ends by DELETE.

const ANSWER_TIMEOUT_MS = 8000;

export class Refused extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

export class Session {
  /** Connects `connection` through `path`; resolves once the answer is set. */
  static async open(connection, path) {
    await connection.setLocalDescription(await connection.createOffer());
    // The offer goes out without candidates: the server answers with its own, and learns ours from the
    // first packet. Waiting for them would cost time and give away host names.
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: connection.localDescription.sdp,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Refused(response.status, text.trim());
    const session = new Session(connection, response.headers.get("Location"));
    try {
      await connection.setRemoteDescription({ type: "answer", sdp: text });
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  constructor(connection, location) {
    this.connection = connection;
    this.location = location;
  }

  /** Ends the session here and, if it can be reached, on the server. */
  close() {
    this.connection.close();
    if (this.location) {
      fetch(this.location, { method: "DELETE", keepalive: true }).catch(() => {});
      this.location = null;
    }
  }
}
