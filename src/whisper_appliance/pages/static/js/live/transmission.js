/** The transmission of a live session's audio over WebRTC, in the place of packets over the socket (docs/live.md). */
import { AudioPeer } from "./audio-peer.js";

const STALLED_MILLISECONDS = 4000;
const CAUGHT_UP_SECONDS = 1;

/**
 * @typedef {"off" | "connecting" | "on" | "failed"} State
 * @typedef {{track: MediaStreamTrack, begin: () => void, end: () => void}} Source The microphone's track: silent, but between `begin` and `end`.
 * @typedef {(event: string, payload: Record<string, unknown>) => Promise<any>} Call Sends an event of the session; resolves with the acknowledgement.
 */

export class Transmission {
  /** @type {State} */
  state = "off";
  /** @type {Source | null} */
  source = null;
  #peer = /** @type {AudioPeer | null} */ (null);
  /** The packet from which on audio goes over WebRTC. */
  #first = Infinity;
  #isSwitching = false;
  #isReady = false; // connected, and the track has not begun
  #ackedAt = 0;
  /** True while the server prepares its answer, and handles nothing else of this socket. */
  isExchanging = false;

  /** @param {Call} call @param {() => void} onFailed The audio has to go over the socket. */
  constructor(call, onFailed) {
    this.call = call;
    this.onFailed = onFailed;
  }

  /** Connects, if there is a source and no attempt has failed. Until packets are switched over, they go over the socket. */
  async start() {
    if (!this.source || this.state !== "off") return;
    this.state = "connecting";
    const fail = () => this.#peer === peer && this.fail();
    const peer = new AudioPeer(this.source.track, fail);
    this.#peer = peer;
    const connected = await peer.connect((sdp) => this.#exchange(sdp)).catch(() => false);
    if (this.#peer !== peer) return;
    this.#isReady = connected;
    if (!connected) this.fail();
  }

  /** Begins the track, if it is connected and little waits: the server keeps its audio for a few seconds only. @param {number} waitingSeconds */
  beginWhenCaughtUp(waitingSeconds) {
    if (!this.#isReady || waitingSeconds > CAUGHT_UP_SECONDS) return;
    this.#isReady = false;
    this.source?.begin();
  }

  /** @param {string} sdp @returns {Promise<string>} */
  async #exchange(sdp) {
    this.isExchanging = true;
    const ack = await this.call("live:webrtc", { sdp });
    this.isExchanging = false;
    if (!ack.ok) throw new Error(ack.code);
    return ack.sdp;
  }

  /** The track begins with this packet. @param {number} number */
  beginWith(number) {
    if (this.state === "connecting") this.#first = number;
  }

  /** True if the socket must not send this packet; the first time, the server is told so. @param {number} number @returns {boolean} */
  takes(number) {
    if (number < this.#first) return false;
    if (!this.#isSwitching) void this.#switch();
    return true;
  }

  async #switch() {
    const peer = this.#peer;
    this.#isSwitching = true;
    const ack = await this.call("live:switch", { seq: this.#first });
    if (this.#peer !== peer) return;
    if (!ack.ok) return this.fail();
    this.state = "on";
    this.acknowledged();
  }

  /** The server has stored packets. */
  acknowledged() {
    this.#ackedAt = performance.now();
  }

  /** @param {number} now @returns {boolean} Whether nothing of what was sent arrives. */
  isStalled(now) {
    return this.state === "on" && now - this.#ackedAt > STALLED_MILLISECONDS;
  }

  /** The audio goes over the socket from now on. */
  fail() {
    if (this.state === "off" || this.state === "failed") return;
    this.close();
    this.state = "failed";
    this.onFailed();
  }

  /** Closes the connection; `start` makes another. */
  close() {
    this.#peer?.close();
    this.source?.end();
    this.#peer = null;
    this.#first = Infinity;
    this.#isSwitching = false;
    this.#isReady = false;
    this.isExchanging = false;
    if (this.state !== "failed") this.state = "off";
  }
}
