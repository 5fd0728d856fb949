/** The samples of the overview, over the socket: what was, then each one that comes. */
import { io } from "../../vendor/socket.io.esm.min.js";

/** @typedef {import("./charts/overview-cards.js").Samples} Samples */

const SPANS = { minutes: 600, day: 86_400 };

export class Watch {
  /** @param {{onSamples: (samples: Samples, span: number) => void, onClosed: (message: string) => void, onPause: (paused: boolean) => void}} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {"minutes" | "day"} */
    this.range = "minutes";
    /** @type {Samples} */
    this.samples = { time: [] };
    this.socket = io({
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelayMax: 5000,
    });
    this.socket.on("connect", () => void this.#begin());
    this.socket.on("disconnect", () => listener.onPause(true));
    this.socket.on("admin:sample", (/** @type {Record<string, number | null>} */ sample) =>
      this.#add(sample),
    );
    this.socket.on("admin:closed", (/** @type {{message: string}} */ { message }) => this.#close(message));
    document.addEventListener("visibilitychange", () =>
      document.hidden ? this.socket.disconnect() : this.socket.connect(),
    );
  }

  /** @param {"minutes" | "day"} range */
  choose(range) {
    this.range = range;
    if (this.socket.connected) void this.#begin();
  }

  async #begin() {
    const range = this.range;
    // A connection that is lost before the answer begins again by itself.
    const answer = await this.socket.emitWithAck("admin:watch", { range }).catch(() => null);
    if (!answer || range !== this.range) return;
    if (!answer.ok) {
      this.#close(answer.message);
      return;
    }
    this.samples = answer.samples;
    this.listener.onPause(false);
    this.listener.onSamples(this.samples, SPANS[range]);
  }

  /** @param {Record<string, number | null>} sample */
  #add(sample) {
    const { time } = this.samples;
    const last = time[time.length - 1] ?? 0;
    if (sample.time === null || (last !== null && sample.time <= last)) return;
    const since = sample.time - SPANS[this.range];
    const old = time.findIndex((each) => each !== null && each >= since);
    for (const name of Object.keys(sample)) {
      this.samples[name] = [...(this.samples[name] ?? []).slice(Math.max(0, old)), sample[name]];
    }
    this.listener.onSamples(this.samples, SPANS[this.range]);
  }

  /** @param {string} message */
  #close(message) {
    this.socket.disconnect();
    this.listener.onClosed(message);
  }
}
