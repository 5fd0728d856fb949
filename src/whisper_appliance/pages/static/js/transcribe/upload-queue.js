/** Upload queue: two files, or addresses that the appliance fetches, at once; waits and retries when the server is busy (429) or cannot be reached. */
import { upload } from "../core/api.js";
import { RESUMABLE_BYTES, sendResumably } from "./resumable-upload.js";

const CONCURRENT_UPLOADS = 2;
const BUSY_SECONDS = 5;
const OFFLINE_SECONDS = 3;

/**
 * @typedef {import("../core/api.js").ApiError} ApiError
 * @typedef {import("../core/api.js").Responses["GET /api/jobs/{id}"]} Job
 * @typedef {Object} Upload
 * @property {File | null} file
 * @property {{url: string, title?: string}} [address] Instead of a file.
 * @property {Record<string, string>} options Fields of POST /transcribe.
 * @property {string} [uploadKey] Of a file that this browser keeps until it was accepted, also beyond a reload of the page.
 * @property {boolean} reuse Whether an earlier transcript of the same recording is wanted, if there is one.
 * @property {(share: number) => void} onProgress
 * @property {(seconds: number, reason: "busy" | "offline") => void} onWaiting
 * @property {(job: Job) => void} onAccepted
 * @property {(error: ApiError) => void} onRefused
 *
 * @typedef {{upload: Upload, abort: AbortController, key: string}} Entry
 */

/** @param {Entry} entry @returns {Promise<Job>} */
async function send({ upload: { file, address, options, uploadKey, reuse, onProgress }, key, abort }) {
  const { signal } = abort;
  if (file && file.size >= RESUMABLE_BYTES)
    return sendResumably(file, options, { uploadKey, reuse, onProgress, signal });
  // The file is the last field, because the server reads the options before it takes the bytes.
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...options, ...address, async: "true" }))
    form.append(name, value);
  if (file) form.append("file", file, file.name);
  const headers = { "Idempotency-Key": key, "Reuse-Transcript": String(reuse) };
  return /** @type {Promise<Job>} */ (upload("POST /transcribe", form, { headers, onProgress, signal }));
}

/** @returns {string} An idempotency key of 128 random bits. crypto.randomUUID is missing over plain HTTP. */
export function newIdempotencyKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The idempotency key of a file that this browser keeps: sent again after a reload, it makes no second transcript, unless
 * other options were chosen meanwhile.
 * @param {string} uploadKey @param {Record<string, string>} options @returns {string}
 */
export function idempotencyKeyOf(uploadKey, options) {
  const text = JSON.stringify(Object.entries(options).sort());
  const digest = [...text].reduce((sum, sign) => (Math.imul(sum, 31) + (sign.codePointAt(0) ?? 0)) >>> 0, 0);
  return `${uploadKey}-${digest.toString(16)}`;
}

export class UploadQueue {
  /** @type {Entry[]} */
  #waiting = [];
  #running = 0;
  #pausedUntil = 0;

  /** @param {Upload} upload @returns {() => void} Cancels the upload. */
  add(upload) {
    // A retry after a lost connection has the same key; the same file, chosen again by a person, has another.
    const { uploadKey, options } = upload;
    const key = uploadKey ? idempotencyKeyOf(uploadKey, options) : newIdempotencyKey();
    const entry = { upload, abort: new AbortController(), key };
    this.#waiting.push(entry);
    this.#startNext();
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== entry);
      entry.abort.abort();
    };
  }

  #startNext() {
    if (this.#pausedUntil > performance.now()) return;
    while (this.#running < CONCURRENT_UPLOADS) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      void this.#run(entry);
    }
  }

  /** @param {Entry} entry */
  async #run(entry) {
    this.#running += 1;
    try {
      entry.upload.onAccepted(await send(entry));
    } catch (error) {
      if (!entry.abort.signal.aborted) this.#onFailed(entry, /** @type {ApiError} */ (error));
    }
    this.#running -= 1;
    this.#startNext();
  }

  /** @param {Entry} entry @param {ApiError} error */
  #onFailed(entry, error) {
    if (error.status !== 429 && !error.offline) return entry.upload.onRefused(error);
    const seconds = error.retryAfterSeconds || (error.offline ? OFFLINE_SECONDS : BUSY_SECONDS);
    this.#waiting.unshift(entry);
    this.#pausedUntil = performance.now() + seconds * 1000;
    this.#countDown(entry, error.offline ? "offline" : "busy");
  }

  /** @param {Entry} entry @param {"busy" | "offline"} reason */
  #countDown(entry, reason) {
    const seconds = Math.ceil((this.#pausedUntil - performance.now()) / 1000);
    if (seconds <= 0) return this.#startNext();
    if (this.#waiting.includes(entry)) entry.upload.onWaiting(seconds, reason);
    setTimeout(() => this.#countDown(entry, reason), 1000);
  }
}
