/**
 * Upload of a large file by TUS: it goes on where it was after a lost connection, a restart of the appliance,
 * and, once the same file is chosen again, after a reload of the page.
 */
import { fromRoot } from "../core/addresses.js";
import { ApiError, csrfHeader, errorFromText, offlineError, request } from "../core/api.js";

/** Smaller files are sent whole: they are there before a connection breaks. */
export const RESUMABLE_BYTES = 5 * 1024 * 1024;
/** One request of an upload; the server limits how long it may take. */
const CHUNK_BYTES = 32 * 1024 * 1024;
const OFFLINE_MILLISECONDS = 3000;
const RETRY_MILLISECONDS = [0, 1000, 3000, 5000, 10_000, 20_000];

/**
 * @typedef {import("../core/api.js").Responses["GET /api/jobs/{id}"]} Job
 * @typedef {typeof import("tus-js-client")} Tus
 */

/** @returns {Promise<Tus>} The library, which sets a global variable. */
async function library() {
  await import("../../vendor/tus.min.js");
  return /** @type {{tus: Tus}} */ (/** @type {unknown} */ (globalThis)).tus;
}

/**
 * @param {File} file
 * @param {Record<string, string>} options Fields of POST /transcribe.
 * @param {{uploadKey?: string, reuse: boolean, onProgress: (share: number) => void, signal: AbortSignal}} upload See
 *   upload-queue.js.
 * @returns {Promise<Job>} The job of the file.
 */
export async function sendResumably(file, options, { uploadKey, reuse, onProgress, signal }) {
  const tus = await library();
  const id = await new Promise((resolve, reject) => {
    let jobId = "";
    const upload = new tus.Upload(file, {
      endpoint: fromRoot("/api/uploads"),
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MILLISECONDS,
      headers: { Accept: "application/json", "Reuse-Transcript": String(reuse), ...csrfHeader() },
      metadata: { filename: file.name, ...options },
      fingerprint: async () => fingerprint(file, options, uploadKey),
      removeFingerprintOnSuccess: true,
      onProgress: (sent, total) => onProgress(sent / total),
      onAfterResponse: (_request, response) => {
        jobId = response.getHeader("X-Job-Id") ?? jobId;
      },
      onSuccess: () => resolve(jobId),
      onError: (error) => reject(apiError(error)),
    });
    signal.addEventListener("abort", () => {
      void upload.abort(true).catch(() => undefined); // it ends by itself after a day
      reject(signal.reason);
    });
    void upload.findPreviousUploads().then(([previous]) => {
      if (signal.aborted) return;
      if (previous) upload.resumeFromPreviousUpload(previous);
      upload.start();
    });
  });
  return jobOf(id, signal);
}

/** The job, once the appliance can be reached: the file need not be sent again. @param {string} id @param {AbortSignal} signal */
async function jobOf(id, signal) {
  for (;;) {
    try {
      return await request("GET /api/jobs/{id}", { path: { id }, signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.offline)) throw error;
      await new Promise((resolve) => setTimeout(resolve, OFFLINE_MILLISECONDS));
    }
  }
}

/**
 * The same file with the same options is the same upload.
 * @param {File} file @param {Record<string, string>} options
 * @param {string} [uploadKey] Of a file that is made anew after a reload, so that its time is another one.
 */
export function fingerprint({ name, size, lastModified }, options, uploadKey) {
  return JSON.stringify(["upload", name, size, uploadKey ?? lastModified, Object.entries(options).sort()]);
}

/** @param {Error | import("tus-js-client").DetailedError} error @returns {import("../core/api.js").ApiError} */
function apiError(error) {
  const response = "originalResponse" in error ? error.originalResponse : null;
  if (!response) return offlineError();
  return errorFromText(response.getStatus(), response.getBody(), response.getHeader("Retry-After"));
}
