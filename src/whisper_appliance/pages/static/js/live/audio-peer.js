/** WebRTC connection that sends one track of audio to the appliance. */

const GATHER_MILLISECONDS = 2000;
const CONNECT_MILLISECONDS = 10_000;

/** @param {EventTarget} target @param {string} event @param {() => boolean} isDone @param {number} milliseconds @returns {Promise<boolean>} Whether it was done in time. */
function eventually(target, event, isDone, milliseconds) {
  return new Promise((resolve) => {
    const settle = (/** @type {boolean} */ done) => {
      target.removeEventListener(event, check);
      clearTimeout(timer);
      resolve(done);
    };
    const check = () => isDone() && settle(true);
    const timer = setTimeout(() => settle(isDone()), milliseconds);
    target.addEventListener(event, check);
    check();
  });
}

export class AudioPeer {
  #connection = new RTCPeerConnection();

  /** @param {MediaStreamTrack} track @param {() => void} onFailed */
  constructor(track, onFailed) {
    this.#connection.addTransceiver(track, { direction: "sendonly" });
    this.#connection.addEventListener("connectionstatechange", () => {
      if (this.#connection.connectionState === "failed") onFailed();
    });
  }

  /** @param {(sdp: string) => Promise<string>} exchange Sends the offer, and resolves with the answer. @returns {Promise<boolean>} Whether it is connected. */
  async connect(exchange) {
    const connection = this.#connection;
    await connection.setLocalDescription();
    const isGathered = () => connection.iceGatheringState === "complete";
    await eventually(connection, "icegatheringstatechange", isGathered, GATHER_MILLISECONDS);
    const sdp = await exchange(connection.localDescription?.sdp ?? "");
    await connection.setRemoteDescription({ type: "answer", sdp });
    const isSettled = () =>
      connection.connectionState !== "connecting" && connection.connectionState !== "new";
    await eventually(connection, "connectionstatechange", isSettled, CONNECT_MILLISECONDS);
    return connection.connectionState === "connected";
  }

  close() {
    this.#connection.close();
  }
}
