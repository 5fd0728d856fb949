/** Files on their way in: few at once, politely waiting when the appliance is busy. */
import { errorFrom, proof, tellConnection, unreachable } from "../core/api.js";

const AT_ONCE = 2;
const BUSY_SECONDS = 5;
const OFFLINE_SECONDS = 3;

/**
 * @typedef {{file: File, options: Record<string, string>, onProgress: (share: number) => void,
 *   onWaiting: (seconds: number, reason: string) => void, onAccepted: (job: import("../core/api.js").Job) => void,
 *   onRefused: (error: import("../core/api.js").ApiError) => void}} Upload
 */

/**
 * @param {Upload & {key: string}} upload
 * @param {AbortSignal} signal
 * @returns {Promise<import("../core/api.js").Job>} The job that the appliance made of the file.
 */
function send({ file, options, onProgress, key }, signal) {
  // The file goes last, so that the appliance knows the options before it takes the bytes.
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...options, async: "true" })) body.append(name, value);
  body.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no upload progress
    request.open("POST", "/transcribe");
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(proof())) request.setRequestHeader(name, value);
    request.setRequestHeader("Idempotency-Key", key);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      tellConnection(true);
      if (request.status < 300) resolve(request.response);
      else reject(errorFrom(request.status, request.response, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

/** @returns {string} 128 random bits; crypto.randomUUID is not there over plain HTTP. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

export class Uploads {
  /** @type {{upload: Upload, abort: AbortController, key: string}[]} */
  #waiting = [];
  #running = 0;
  #pausedUntil = 0;

  /** @param {Upload} upload @returns {() => void} Call it to stop the upload. */
  add(upload) {
    // Sent again after a lost connection, it is the same upload; chosen again by its user, it is another.
    const entry = { upload, abort: new AbortController(), key: newKey() };
    this.#waiting.push(entry);
    this.#next();
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== entry);
      entry.abort.abort();
    };
  }

  #next() {
    const pause = this.#pausedUntil - performance.now();
    if (pause > 0) return;
    while (this.#running < AT_ONCE && this.#waiting.length) {
      const entry = this.#waiting.shift();
      if (entry) this.#run(entry);
    }
  }

  /** @param {{upload: Upload, abort: AbortController, key: string}} entry */
  async #run(entry) {
    this.#running += 1;
    try {
      entry.upload.onAccepted(await send({ ...entry.upload, key: entry.key }, entry.abort.signal));
    } catch (error) {
      if (!entry.abort.signal.aborted)
        this.#failed(entry, /** @type {import("../core/api.js").ApiError} */ (error));
    }
    this.#running -= 1;
    this.#next();
  }

  /** @param {{upload: Upload, abort: AbortController, key: string}} entry @param {import("../core/api.js").ApiError} error */
  #failed(entry, error) {
    if (error.status !== 429 && !error.offline) return entry.upload.onRefused(error);
    const seconds = error.retryAfterSeconds || (error.offline ? OFFLINE_SECONDS : BUSY_SECONDS);
    this.#waiting.unshift(entry);
    this.#pausedUntil = performance.now() + seconds * 1000;
    this.#countDown(entry, error.offline ? "offline" : "busy");
  }

  /** @param {{upload: Upload, abort: AbortController, key: string}} entry @param {string} reason */
  #countDown(entry, reason) {
    const seconds = Math.ceil((this.#pausedUntil - performance.now()) / 1000);
    if (seconds <= 0) return this.#next();
    if (this.#waiting.includes(entry)) entry.upload.onWaiting(seconds, reason);
    setTimeout(() => this.#countDown(entry, reason), 1000);
  }
}
