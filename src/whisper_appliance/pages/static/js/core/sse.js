/** Server-sent events: an EventSource that parses JSON, and that tries again after the server refused it. */
import { fromRoot } from "./addresses.js";

/**
 * @typedef {Object} EventStreamOptions
 * @property {Record<string, (data: any) => void>} events A handler for each event, which gets the parsed JSON.
 * @property {() => void} [onOpen]
 * @property {() => void} [onLost] The connection is lost; the browser tries again by itself.
 * @property {() => void} [onRefused] The server refused the stream, which the browser takes as final.
 * @property {number} [retrySeconds] After a refusal the stream is opened again after this time; 0: never.
 */

export class EventStream {
  /** @type {EventSource} */
  #source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /** @param {string} url From the root. @param {EventStreamOptions} options */
  constructor(url, options) {
    this.url = fromRoot(url);
    this.options = options;
    this.#source = this.#open();
  }

  /** True while events arrive. */
  get isOpen() {
    return this.#source.readyState === EventSource.OPEN;
  }

  close() {
    clearTimeout(this.#retry);
    this.#source.close();
  }

  #open() {
    const { events, onOpen, onLost, onRefused, retrySeconds = 0 } = this.options;
    const source = new EventSource(this.url);
    for (const [name, handle] of Object.entries(events)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("open", () => onOpen?.());
    source.addEventListener("error", () => {
      onLost?.();
      if (source.readyState !== EventSource.CLOSED) return;
      onRefused?.();
      if (retrySeconds) this.#retry = setTimeout(() => this.#reopen(), retrySeconds * 1000);
    });
    return source;
  }

  #reopen() {
    this.#source = this.#open();
  }
}
