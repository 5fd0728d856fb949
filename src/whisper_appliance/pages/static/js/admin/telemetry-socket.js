/** The samples of the overview over the socket: those so far, then each new one. */
import { connectSocket } from "../core/socket.js";

/**
 * @typedef {import("./charts/chart-card.js").Samples} Samples
 * @typedef {"minutes" | "day"} Range
 */

/** @type {Record<Range, number>} */
const RANGE_SECONDS = { minutes: 600, day: 86_400 };

/**
 * @param {Samples} samples
 * @param {Record<string, number | null>} sample The next one, a value for each measure.
 * @param {number} seconds Older samples are dropped.
 * @returns {Samples} The same, if the sample is not newer than the last one.
 */
export function appendSample(samples, sample, seconds) {
  const { time: times = [] } = samples;
  const { time } = sample;
  const last = times.length ? times.at(-1) : 0;
  if (time === null || time === undefined || (last !== null && last !== undefined && time <= last))
    return samples;
  const kept = Math.max(
    0,
    times.findIndex((each) => each !== null && each >= time - seconds),
  );
  const appended = Object.entries(sample).map(([name, value]) => [
    name,
    [...(samples[name] ?? []).slice(kept), value],
  ]);
  return { ...samples, ...Object.fromEntries(appended) };
}

export class TelemetrySocket {
  /** @type {Range} */
  #range = "minutes";
  /** @type {Samples} */
  #samples = { time: [] };
  #socket = connectSocket();

  /**
   * @param {{onSamples: (samples: Samples, seconds: number) => void, onClosed: (message: string) => void,
   *   onPause: (paused: boolean) => void}} listener
   */
  constructor(listener) {
    this.listener = listener;
    this.#socket.on("connect", () => void this.#watch());
    this.#socket.on("disconnect", () => listener.onPause(true));
    this.#socket.on("admin:sample", (sample) => this.#onSample(sample));
    this.#socket.on("admin:closed", ({ message }) => this.#close(message));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#socket.disconnect();
      else this.#socket.connect();
    });
  }

  /** @param {Range} range */
  choose(range) {
    this.#range = range;
    if (this.#socket.connected) void this.#watch();
  }

  async #watch() {
    const range = this.#range;
    // If the connection is lost before the acknowledgement, the next one calls this again.
    const ack = await this.#socket.emitWithAck("admin:watch", { range }).catch(() => null);
    if (!ack || range !== this.#range) return;
    if (!ack.ok) return this.#close(ack.message);
    this.#samples = ack.samples;
    this.listener.onPause(false);
    this.listener.onSamples(this.#samples, RANGE_SECONDS[range]);
  }

  /** @param {Record<string, number | null>} sample */
  #onSample(sample) {
    const seconds = RANGE_SECONDS[this.#range];
    const samples = appendSample(this.#samples, sample, seconds);
    if (samples === this.#samples) return;
    this.#samples = samples;
    this.listener.onSamples(samples, seconds);
  }

  /** @param {string} message */
  #close(message) {
    this.#socket.disconnect();
    this.listener.onClosed(message);
  }
}
