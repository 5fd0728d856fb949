/** The one way to the appliance. Failures are `ApiError`; a silent appliance is announced to the whole page. */

/**
 * @typedef {{id: string, title: string, created: string, text: string, language: string, language_probability: number,
 *   duration: number, model: string, task: string, processing_seconds: number, segments: Segment[],
 *   warnings: {code: string, message: string}[], dropped: {start: number, end: number, text: string, reason: string}[],
 *   provenance: Record<string, unknown> | null, access: "own" | "read"}} Transcript
 * @typedef {{id: number, start: number, end: number, text: string,
 *   words: {start: number, end: number, word: string, probability: number}[]}} Segment
 * @typedef {{id: string, title: string, created: string, language: string, duration: number, model: string,
 *   excerpt: string, deleted: string | null, found?: string[] | null, shared_by?: string | null}} Summary
 * @typedef {{id: string, status: "queued" | "running" | "done" | "failed" | "cancelled", progress: number,
 *   position: number | null, error: {code: string, message: string} | null, transcript_id: string | null, title: string,
 *   model: string, created: string, started: string | null, finished: string | null, duration: number | null,
 *   text: string}} Job
 */

export class ApiError extends Error {
  /** @param {string} message @param {{code?: string, status?: number, field?: string, requestId?: string, retryAfterSeconds?: number}} facts */
  constructor(
    message,
    { code = "unknown", status = 0, field = "", requestId = "", retryAfterSeconds = 0 } = {},
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.field = field;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The appliance was not reached at all. */
  get offline() {
    return this.status === 0;
  }
}

/** Tells the page whether the appliance answers. @param {boolean} reached */
export function tellConnection(reached) {
  document.dispatchEvent(new CustomEvent("connection", { detail: { reached } }));
}

/** @returns {ApiError} */
export function unreachable() {
  tellConnection(false);
  return new ApiError("The appliance does not answer.", { code: "offline" });
}

/**
 * @param {number} status
 * @param {unknown} body
 * @param {string | null} retryAfter
 * @returns {ApiError} The error that an answer carries; a proxy's answer may carry none.
 */
export function errorFrom(status, body, retryAfter) {
  const facts =
    /** @type {{error?: {code: string, message: string, field: string | null, request_id: string}}} */ (body)
      ?.error;
  return new ApiError(facts?.message ?? `The appliance answered ${status} and gave no reason.`, {
    code: facts?.code ?? `http_${status}`,
    status,
    field: facts?.field ?? "",
    requestId: facts?.request_id,
    retryAfterSeconds: Number(retryAfter) || 0,
  });
}

/** @returns {Record<string, string>} What proves, for whoever is signed in, that a request comes from this page. */
export function proof() {
  const token = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="csrf-token"]'))
    ?.content;
  return token ? { "X-CSRF-Token": token } : {};
}

/**
 * @param {string} path
 * @param {{method?: string, body?: unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<any>} The JSON of the answer, null without one.
 */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = {
    Accept: "application/json",
    ...proof(),
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  };
  const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  tellConnection(true);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw errorFrom(response.status, answer, response.headers.get("Retry-After"));
  return answer;
}

export const api = {
  status: () => ask("/api/status"),
  /** @returns {Promise<Job[]>} */
  jobs: async () => (await ask("/api/jobs")).jobs,
  /** @param {string} id @returns {Promise<Job>} */
  job: (id) => ask(`/api/jobs/${id}`),
  /** @param {string} id */
  cancel: (id) => ask(`/api/jobs/${id}`, { method: "DELETE" }),
  /** @param {string} id @returns {Promise<Transcript>} */
  transcript: (id) => ask(`/api/transcripts/${id}`),
  /**
   * @param {{limit?: number, cursor?: string | null, q?: string, deleted?: boolean}} wanted
   * @param {AbortSignal} [signal]
   * @returns {Promise<{transcripts: Summary[], next: string | null}>}
   */
  transcripts: (wanted, signal) => {
    const set = Object.entries(wanted).filter(([, value]) => value);
    return ask(`/api/transcripts?${new URLSearchParams(set.map(([name, value]) => [name, String(value)]))}`, {
      signal,
    });
  },
  /** @returns {Promise<{transcripts: Summary[], next: null}>} */
  received: async (/** @type {AbortSignal} */ signal) => ({
    ...(await ask("/api/transcripts/shared", { signal })),
    next: null,
  }),
  /** @param {string} id Takes it off the list of what was shared. */
  giveUp: (id) => ask(`/api/transcripts/shared/${id}`, { method: "DELETE" }),
  /** @param {string} id @param {string} title */
  rename: (id, title) => ask(`/api/transcripts/${id}`, { method: "PATCH", body: { title } }),
  /** @param {string} id */
  remove: (id) => ask(`/api/transcripts/${id}`, { method: "DELETE" }),
  emptyTrash: () => ask("/api/transcripts/trash", { method: "DELETE" }),
  /** @param {string} id */
  restore: (id) => ask(`/api/transcripts/${id}/restore`, { method: "POST" }),
};
