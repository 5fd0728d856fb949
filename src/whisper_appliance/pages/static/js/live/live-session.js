/** One live session with the appliance (docs/live.md): everything is sent until it is acknowledged, whatever breaks. */
import { io } from "../../vendor/socket.io.esm.min.js";
import { Outbox } from "./send-queue.js";
import { recall, remember } from "../core/storage.js";

const KEY = "live-session";
const EVENTS = ["partial", "commit", "final", "vad", "flow", "error", "end"];
const IN_FLIGHT = 16;
const PACKETS_PER_SECOND = 40; // four times real time
const ANSWER_MILLISECONDS = 10_000;
const PROBE_MILLISECONDS = 2000;
const STALLED_MILLISECONDS = 2500;
const SILENT_MILLISECONDS = 8000;
const PACKET_MILLISECONDS = 100;
const LATER = ["busy", "disk_full", "internal", "no_answer"];

/**
 * @typedef {{w: string, t0: number, t1: number, p: number}} Word
 * @typedef {{session: string, token: string, mostSeconds?: number}} Ticket
 * @typedef {{code: string, message: string, retry_after?: number}} Refusal
 * @typedef {{onEvent: (kind: string, payload: any) => void, onSnapshot: (snapshot: any) => void,
 *   onRefused: (refusal: Refusal) => void, onAnew: () => void}} Listener
 */

/** @returns {Ticket | null} The session that this browser left without ending it. */
export const leftSession = () => recall(KEY, /** @type {Ticket | null} */ (null));
export const forgetSession = () => remember(KEY, null);

export class LiveSession {
  outbox = new Outbox();
  /** Whether the appliance takes packets of this session over this connection. */
  attached = false;
  /** Whether more audio may come. */
  recording = false;
  lagSeconds = 0;
  creditMilliseconds = 30_000;
  /** @type {Refusal | null} Why packets have to wait, where it is not the connection. */
  trouble = null;
  /** @type {Ticket | null} */
  ticket = null;
  /** @type {ArrayBuffer | null} What the packets of a new session have to begin with. */
  head = null;
  #stopping = false;
  #stopSent = false;
  #over = false;
  #lastEid = /** @type {number | null} */ (null);
  #held = /** @type {[string, any][] | null} */ (null);
  #allowance = IN_FLIGHT;
  #allowedAt = performance.now();
  #heardAt = performance.now();
  #retryAt = 0;
  #pausing = false;
  #closed = new AbortController();

  /** @param {Record<string, unknown>} wishes What `live:start` says. @param {Listener} listener @param {Ticket | null} [ticket] */
  constructor(wishes, listener, ticket = null) {
    this.wishes = wishes;
    this.listener = listener;
    this.ticket = ticket;
    this.socket = io({
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelay: 400,
      reconnectionDelayMax: 3000,
      forceNew: true,
    });
    this.socket.on("connect", () => this.#connected());
    this.socket.on("connect_error", (error) => this.#turnedAway(error));
    this.socket.on("disconnect", () => this.#disconnected());
    window.addEventListener("offline", () => this.socket.io.engine.close(), { signal: this.#closed.signal });
    for (const kind of EVENTS) this.socket.on(`live:${kind}`, (payload) => this.#receive(kind, payload));
  }

  /** Whether there is a session at all: the appliance has said yes. */
  get begun() {
    return this.ticket !== null;
  }

  /** Whether packets reach the appliance, as far as one can tell. */
  get reached() {
    return (
      this.attached && !(this.outbox.inFlight && performance.now() - this.#heardAt > STALLED_MILLISECONDS)
    );
  }

  /** @param {ArrayBuffer} packet */
  add(packet) {
    this.outbox.add(packet);
    this.pump();
  }

  /** Sends what may be sent now. To be called now and then. */
  pump() {
    if (!this.attached) return;
    const now = performance.now();
    this.#allowance = Math.min(
      IN_FLIGHT,
      this.#allowance + ((now - this.#allowedAt) / 1000) * PACKETS_PER_SECOND,
    );
    this.#allowedAt = now;
    if (this.outbox.inFlight && now - this.#heardAt > SILENT_MILLISECONDS)
      return void this.socket.io.engine.close();
    while (
      now >= this.#retryAt &&
      this.#allowance >= 1 &&
      this.outbox.inFlight < IN_FLIGHT &&
      this.#hasCredit(now)
    ) {
      const next = this.outbox.take();
      if (!next) break;
      this.#allowance -= 1;
      this.#send(next.number, next.packet);
    }
    this.#maybeStop();
  }

  /** @param {number} now Without credit, one packet now and then asks for more. */
  #hasCredit(now) {
    if (this.creditMilliseconds > this.outbox.inFlight * PACKET_MILLISECONDS) return true;
    return !this.outbox.inFlight && now - this.#heardAt > PROBE_MILLISECONDS;
  }

  /** @param {number} number @param {ArrayBuffer} packet */
  #send(number, packet) {
    if (this.outbox.inFlight === 1) this.#heardAt = performance.now();
    this.socket.emit("live:audio", { s: this.ticket?.session, q: number }, packet, (/** @type {any} */ ack) =>
      this.#acknowledged(number, ack),
    );
  }

  /** @param {number} number @param {any} ack */
  #acknowledged(number, ack) {
    this.#heardAt = performance.now();
    if (ack.ok) {
      this.trouble = null;
      this.lagSeconds = ack.lag_ms / 1000;
      this.creditMilliseconds = ack.credit_ms;
      this.outbox.acknowledge(ack.next_seq);
    } else if (ack.code === "gap") {
      this.outbox.rewind(ack.next_seq);
    } else if (LATER.includes(ack.code)) {
      this.#wait(ack);
      this.outbox.again(number);
    } else this.#lostSession(ack);
    this.pump();
  }

  /** @param {Refusal} refusal */
  #wait(refusal) {
    this.trouble = refusal;
    this.#retryAt = performance.now() + (refusal.retry_after ?? 2) * 1000;
  }

  /** @param {string} event @param {unknown} payload @returns {Promise<any>} */
  async #ask(event, payload) {
    try {
      return await this.socket.timeout(ANSWER_MILLISECONDS).emitWithAck(event, payload);
    } catch {
      return { ok: false, code: "no_answer", message: "The appliance does not answer." };
    }
  }

  async #connected() {
    const { id } = this.socket;
    if (this.#pausing) return;
    this.#held = [];
    const answer = this.ticket ? await this.#resume() : await this.#start();
    if (id !== this.socket.id) return; // the connection broke meanwhile, and there is a newer one
    const held = this.#held ?? [];
    this.#held = null;
    if (!answer.ok) return this.#refused(answer);
    this.attached = true;
    this.#heardAt = performance.now();
    for (const [kind, payload] of held) this.#take(kind, payload);
    this.pump();
  }

  /** @param {Error & {data?: {code: string}}} error Without data, nobody answered; that is tried again. */
  #turnedAway({ message, data }) {
    if (data) this.listener.onRefused({ code: data.code, message });
  }

  #disconnected() {
    this.attached = false;
    this.#stopSent = false;
    this.#held = null;
  }

  async #start() {
    const answer = await this.#ask("live:start", this.wishes);
    if (!answer.ok) return answer;
    this.ticket = { session: answer.session, token: answer.token, mostSeconds: answer.limits.max_session_s };
    this.#lastEid = 0;
    remember(KEY, this.ticket);
    this.outbox.rewind(answer.next_seq);
    return answer;
  }

  async #resume() {
    const answer = await this.#ask("live:resume", {
      session: this.ticket?.session,
      token: this.ticket?.token,
      last_eid: this.#lastEid,
    });
    if (!answer.ok) return answer;
    this.outbox.rewind(answer.next_seq);
    if (answer.snapshot) {
      this.#lastEid = answer.snapshot.eid;
      this.listener.onSnapshot(answer.snapshot);
    }
    for (const event of answer.events ?? []) this.#take(event.kind, event);
    if (answer.partial) this.#take("partial", answer.partial);
    return answer;
  }

  /** @param {Refusal} answer */
  #refused(answer) {
    if (answer.code === "gone") this.#lostSession(answer);
    else if (answer.code === "no_answer" || this.begun)
      setTimeout(() => this.socket.connected && !this.attached && this.#connected(), PROBE_MILLISECONDS);
    else this.listener.onRefused(answer);
  }

  /** The session is over, but there is more to say: it goes on in a new one. @param {Refusal} refusal */
  #lostSession(refusal) {
    if (!this.ticket || this.#over) return;
    this.ticket = null;
    this.attached = false;
    forgetSession();
    if (refusal.code !== "gone" || !(this.recording || this.outbox.waitingSeconds))
      return this.listener.onRefused(refusal);
    this.outbox.rewind(0);
    if (this.head) this.outbox.beginWith(this.head);
    this.listener.onAnew();
    if (this.socket.connected) void this.#connected();
  }

  /** @param {string} kind @param {any} payload */
  #receive(kind, payload) {
    if (this.#held) this.#held.push([kind, payload]);
    else this.#take(kind, payload);
  }

  /** @param {string} kind @param {any} payload */
  #take(kind, payload) {
    if (payload.s && payload.s !== this.ticket?.session) return;
    if (payload.eid) {
      if (payload.eid <= (this.#lastEid ?? 0)) return;
      this.#lastEid = payload.eid;
    }
    if (kind === "flow") this.lagSeconds = payload.lag_ms / 1000;
    if (kind === "end") this.#end();
    this.listener.onEvent(kind, payload);
  }

  #end() {
    this.#over = true;
    forgetSession();
    this.close();
  }

  /** Leaves the session for a while. */
  async pause() {
    if (this.#pausing || !this.attached || this.outbox.waitingSeconds) return;
    this.#pausing = true;
    this.attached = false;
    await this.#ask("live:pause", { session: this.ticket?.session });
  }

  resume() {
    if (!this.#pausing) return;
    this.#pausing = false;
    if (this.socket.connected) void this.#connected();
  }

  /** Ends the session when all is sent; `live:end` follows. */
  stop() {
    this.#stopping = true;
    this.resume();
    this.pump();
  }

  async #maybeStop() {
    if (!this.#stopping || this.#stopSent || this.outbox.waitingSeconds) return;
    this.#stopSent = true;
    const answer = await this.#ask("live:stop", { session: this.ticket?.session, next_seq: this.outbox.end });
    if (answer.ok) return;
    this.#stopSent = false;
    if (answer.code === "gap") this.outbox.rewind(answer.next_seq);
    else if (!LATER.includes(answer.code)) this.#lostSession(answer);
  }

  close() {
    this.attached = false;
    this.#closed.abort();
    this.socket.disconnect();
  }
}
