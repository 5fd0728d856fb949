/** A live session with the server (docs/live.md): resumes after a lost connection, and sends each packet until it is acknowledged. */
import { t } from "../core/i18n.js";
import { connectSocket } from "../core/socket.js";
import { SendQueue } from "./send-queue.js";
import { writeTicket } from "./session-store.js";
import { Transmission } from "./transmission.js";

const EVENTS = ["partial", "commit", "final", "vad", "flow", "error", "end"];
const MAX_IN_FLIGHT = 16;
const PACKETS_PER_SECOND = 40; // four times real time
const ACK_MILLISECONDS = 10_000;
const PROBE_MILLISECONDS = 2000;
const STALLED_MILLISECONDS = 2500;
const DEAD_MILLISECONDS = 8000;
const PACKET_MILLISECONDS = 100;
const RETRYABLE = ["busy", "disk_full", "internal", "no_answer"];

/**
 * @typedef {{w: string, t0: number, t1: number, p: number}} Word
 * @typedef {import("./session-store.js").Ticket} Ticket
 * @typedef {{code: string, message: string, retry_after?: number}} Refusal
 *
 * @typedef {Object} Listener
 * @property {(kind: string, payload: any) => void} onEvent A `live:` event, without its prefix.
 * @property {(snapshot: any) => void} onSnapshot All captions anew.
 * @property {(refusal: Refusal) => void} onRefused The session cannot begin or go on.
 * @property {() => void} onNewSession The old session is gone; the recording goes on in a new one.
 */

export class LiveSession {
  queue = new SendQueue();
  /** True while the server takes packets of this session over this connection. */
  attached = false;
  /** True while more audio may come. */
  recording = false;
  lagSeconds = 0;
  creditMilliseconds = 30_000;
  /** @type {Refusal | null} Why packets have to wait although there is a connection. */
  trouble = null;
  transmission = new Transmission(
    (event, payload) => this.#call(event, { session: this.ticket?.session, ...payload }),
    () => void this.#returnToSocket(),
  );
  /** @type {ArrayBuffer | null} The packet that a new session has to begin with. */
  head = null;
  #stopping = false;
  #stopSent = false;
  #ended = false;
  #lastEventId = /** @type {number | null} */ (null);
  #bufferedEvents = /** @type {[string, any][] | null} */ (null);
  #allowance = MAX_IN_FLIGHT; // token bucket for sending
  #allowanceAt = performance.now();
  #ackedAt = performance.now();
  #retryAt = 0;
  #isPaused = false;
  #closed = new AbortController();

  /** @param {Record<string, unknown>} startPayload Of `live:start`. @param {Listener} listener @param {Ticket | null} [ticket] Of a session to resume. */
  constructor(startPayload, listener, ticket = null) {
    this.startPayload = startPayload;
    this.listener = listener;
    this.ticket = ticket;
    this.socket = connectSocket({ forceNew: true });
    this.socket.on("connect", () => void this.#onConnected());
    this.socket.on("connect_error", (error) => this.#onConnectError(error));
    this.socket.on("disconnect", () => this.#onDisconnected());
    window.addEventListener("offline", () => this.#reconnect(), { signal: this.#closed.signal });
    for (const kind of EVENTS) this.socket.on(`live:${kind}`, (payload) => this.#onEvent(kind, payload));
    this.socket.on("live:ack", (payload) => this.#onTransmitted(payload));
    this.socket.on("live:webrtc_ended", ({ s }) => s === this.ticket?.session && this.transmission.fail());
  }

  /** True if the server has started the session. */
  get begun() {
    return this.ticket !== null;
  }

  /** True if packets reach the server, as far as acknowledgements show. */
  get reached() {
    const isStalled = this.queue.inFlight > 0 && performance.now() - this.#ackedAt > STALLED_MILLISECONDS;
    return this.attached && !isStalled;
  }

  /** @param {ArrayBuffer} packet @param {boolean} [beginsTrack] Whether the source's track begins with it. */
  add(packet, beginsTrack = false) {
    this.queue.add(packet);
    if (beginsTrack) this.transmission.beginWith(this.queue.end - 1);
    this.pump();
  }

  /** Sends what may be sent now. To be called several times a second. */
  pump() {
    if (!this.attached) return;
    const now = performance.now();
    const refill = ((now - this.#allowanceAt) / 1000) * PACKETS_PER_SECOND;
    this.#allowance = Math.min(MAX_IN_FLIGHT, this.#allowance + refill);
    this.#allowanceAt = now;
    const isDead = this.queue.inFlight && now - this.#ackedAt > DEAD_MILLISECONDS;
    if (isDead && !this.transmission.isExchanging) return this.#reconnect();
    this.transmission.beginWhenCaughtUp(this.queue.waitingSeconds);
    if (this.transmission.isStalled(now)) return this.transmission.fail();
    while (this.#maySend(now) && !this.transmission.takes(this.queue.next)) {
      const next = this.queue.take();
      if (!next) break;
      this.#allowance -= 1;
      this.#send(next.number, next.packet);
    }
    void this.#maybeStop();
  }

  /** @param {number} now */
  #maySend(now) {
    if (now < this.#retryAt || this.#allowance < 1 || this.queue.inFlight >= MAX_IN_FLIGHT) return false;
    if (this.creditMilliseconds > this.queue.inFlight * PACKET_MILLISECONDS) return true;
    // Without credit, a packet now and then requests more.
    return !this.queue.inFlight && now - this.#ackedAt > PROBE_MILLISECONDS;
  }

  /** @param {number} number @param {ArrayBuffer} packet */
  #send(number, packet) {
    if (this.queue.inFlight === 1) this.#ackedAt = performance.now();
    const header = { s: this.ticket?.session, q: number };
    const onAck = (/** @type {any} */ ack) => this.#onAck(number, ack);
    this.socket.emit("live:audio", header, packet, onAck);
  }

  /** @param {number} number @param {any} ack */
  #onAck(number, ack) {
    this.#ackedAt = performance.now();
    if (ack.ok) {
      this.trouble = null;
      this.lagSeconds = ack.lag_ms / 1000;
      this.creditMilliseconds = ack.credit_ms;
      this.queue.acknowledge(ack.next_seq);
    } else if (ack.code === "gap") {
      this.queue.rewind(ack.next_seq);
    } else if (RETRYABLE.includes(ack.code)) {
      this.trouble = ack;
      this.#retryAt = performance.now() + (ack.retry_after ?? 2) * 1000;
      this.queue.resend(number);
    } else this.#onSessionLost(ack);
    this.pump();
  }

  /** Packets have arrived over WebRTC. @param {any} payload Of `live:ack`. */
  #onTransmitted({ s, next_seq, lag_ms, credit_ms }) {
    if (s !== this.ticket?.session) return;
    this.transmission.acknowledged();
    this.#ackedAt = performance.now();
    this.lagSeconds = lag_ms / 1000;
    this.creditMilliseconds = credit_ms;
    this.queue.acknowledge(next_seq);
  }

  /** Audio goes over WebRTC as soon as it is connected; null: over the socket. @param {import("./transmission.js").Source | null} source */
  transmit(source) {
    const wasOn = ["connecting", "on"].includes(this.transmission.state);
    this.transmission.close();
    this.transmission.source = source;
    if (source && this.attached) void this.transmission.start();
    if (!source && wasOn) void this.#returnToSocket();
  }

  /** Takes the session up again over the socket: the answer shows which packets have arrived. */
  async #returnToSocket() {
    if (!this.attached) return;
    this.attached = false;
    await this.#onConnected();
  }

  /** @param {string} event @param {unknown} payload @returns {Promise<any>} The server's acknowledgement. */
  async #call(event, payload) {
    try {
      return await this.socket.timeout(ACK_MILLISECONDS).emitWithAck(event, payload);
    } catch {
      return { ok: false, code: "no_answer", message: t("The appliance does not answer.") };
    }
  }

  async #onConnected() {
    const { id } = this.socket;
    if (this.#isPaused) return;
    this.#bufferedEvents = [];
    const ack = this.ticket ? await this.#resumeSession(this.ticket) : await this.#startSession();
    if (id !== this.socket.id) return; // the connection broke meanwhile, and there is a newer one
    const buffered = this.#bufferedEvents ?? [];
    this.#bufferedEvents = null;
    if (!ack.ok) return this.#onRefused(ack);
    this.attached = true;
    this.#ackedAt = performance.now();
    for (const [kind, payload] of buffered) this.#apply(kind, payload);
    this.pump();
    void this.transmission.start();
  }

  /** @param {Error & {data?: {code: string}}} error Without data there was no answer; the socket tries again. */
  #onConnectError({ message, data }) {
    if (data) this.listener.onRefused({ code: data.code, message });
  }

  #onDisconnected() {
    this.transmission.close();
    this.attached = false;
    this.#stopSent = false;
    this.#bufferedEvents = null;
  }

  /** Drops a connection that is dead; the socket makes another. */
  #reconnect() {
    this.socket.io.engine.close();
  }

  async #startSession() {
    const ack = await this.#call("live:start", this.startPayload);
    if (!ack.ok) return ack;
    this.ticket = { session: ack.session, token: ack.token, maxSeconds: ack.limits.max_session_s };
    this.#lastEventId = 0;
    writeTicket(this.ticket);
    this.queue.rewind(ack.next_seq);
    return ack;
  }

  /** @param {Ticket} ticket */
  async #resumeSession({ session, token }) {
    const ack = await this.#call("live:resume", { session, token, last_eid: this.#lastEventId });
    if (!ack.ok) return ack;
    this.queue.rewind(ack.next_seq);
    if (ack.snapshot) {
      this.#lastEventId = ack.snapshot.eid;
      this.listener.onSnapshot(ack.snapshot);
    }
    for (const event of ack.events ?? []) this.#apply(event.kind, event);
    if (ack.partial) this.#apply("partial", ack.partial);
    return ack;
  }

  /** @param {Refusal} refusal Of `live:start` or `live:resume`. */
  #onRefused(refusal) {
    if (refusal.code === "gone") return this.#onSessionLost(refusal);
    if (refusal.code !== "no_answer" && !this.begun) return this.listener.onRefused(refusal);
    const retry = () => this.socket.connected && !this.attached && this.#onConnected();
    setTimeout(() => void retry(), PROBE_MILLISECONDS);
  }

  /** The server has ended the session. If there is more audio, it goes on in a new one. @param {Refusal} refusal */
  #onSessionLost(refusal) {
    if (!this.ticket || this.#ended) return;
    this.ticket = null;
    this.attached = false;
    this.transmission.close();
    writeTicket(null);
    const hasAudio = this.recording || this.queue.waitingSeconds > 0;
    if (refusal.code !== "gone" || !hasAudio) return this.listener.onRefused(refusal);
    this.queue.rewind(0);
    if (this.head) this.queue.prepend(this.head);
    this.listener.onNewSession();
    if (this.socket.connected) void this.#onConnected();
  }

  /** @param {string} kind @param {any} payload */
  #onEvent(kind, payload) {
    if (this.#bufferedEvents) this.#bufferedEvents.push([kind, payload]);
    else this.#apply(kind, payload);
  }

  /** @param {string} kind @param {any} payload */
  #apply(kind, payload) {
    if (payload.s && payload.s !== this.ticket?.session) return;
    if (payload.eid) {
      if (payload.eid <= (this.#lastEventId ?? 0)) return; // replayed, and already applied
      this.#lastEventId = payload.eid;
    }
    if (kind === "flow") this.lagSeconds = payload.lag_ms / 1000;
    if (kind === "end") this.#onEnd();
    this.listener.onEvent(kind, payload);
  }

  #onEnd() {
    this.#ended = true;
    writeTicket(null);
    this.close();
  }

  /** Detaches from the session; the server keeps it for a while. Only when everything is acknowledged. */
  async pause() {
    if (this.#isPaused || !this.attached || this.queue.waitingSeconds) return;
    this.#isPaused = true;
    this.attached = false;
    await this.#call("live:pause", { session: this.ticket?.session });
  }

  resume() {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.socket.connected) void this.#onConnected();
  }

  /** Ends the session when everything is sent; `live:end` follows. */
  stop() {
    this.#stopping = true;
    this.resume();
    this.pump();
  }

  async #maybeStop() {
    if (!this.#stopping || this.#stopSent || this.queue.waitingSeconds) return;
    this.#stopSent = true;
    const ack = await this.#call("live:stop", { session: this.ticket?.session, next_seq: this.queue.end });
    if (ack.ok) return;
    this.#stopSent = false;
    if (ack.code === "gap") this.queue.rewind(ack.next_seq);
    else if (!RETRYABLE.includes(ack.code)) this.#onSessionLost(ack);
  }

  close() {
    this.attached = false;
    this.transmission.close();
    this.#closed.abort();
    this.socket.disconnect();
  }
}
