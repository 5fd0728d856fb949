/**
 * HTTP client of the API: JSON requests, uploads with progress, one error class.
 *
 * A route is named as in the OpenAPI document ("GET /api/jobs/{id}"); `api-types.d.ts`, which is generated
 * from that document, has the types of its body and of its response.
 */
import { fromRoot } from "./addresses.js";
import { confirmPassword, repeatConfirmed } from "./confirmation.js";
import { t } from "./i18n.js";
import { reportConnection } from "./page-events.js";

/**
 * @typedef {import("./api-types.d.ts").Requests} Requests
 * @typedef {import("./api-types.d.ts").Responses} Responses
 * @typedef {keyof Responses} Route
 */

export class ApiError extends Error {
  /**
   * @param {string} message For people.
   * @param {{code?: string, status?: number, field?: string, requestId?: string, retryAfterSeconds?: number}} facts
   */
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

  /** True if there was no response at all. */
  get offline() {
    return this.status === 0;
  }
}

/** Reports the lost connection to the page. @returns {ApiError} */
export function offlineError() {
  reportConnection(false);
  return new ApiError(t("The appliance does not answer."), { code: "offline" });
}

/**
 * @param {number} status
 * @param {unknown} body
 * @param {string | null} retryAfter The header; seconds.
 * @returns {ApiError} The error in a response. A proxy's response may have none in it.
 */
function errorFromResponse(status, body, retryAfter) {
  const error = /** @type {Partial<import("./api-types.d.ts").ErrorResponse> | null} */ (body)?.error;
  return new ApiError(error?.message ?? proxyReason(status), {
    code: error?.code ?? `http_${status}`,
    status,
    field: error?.field ?? "",
    requestId: error?.request_id,
    retryAfterSeconds: Number(retryAfter) || 0,
  });
}

/**
 * @param {number} status Of a response that is not the appliance's: its errors are JSON with a message.
 * @returns {string} What a proxy in front of it does, and what helps.
 */
function proxyReason(status) {
  switch (status) {
    case 413:
      return t(
        "The proxy in front of the appliance takes no files of this size. An administrator can raise its limit (nginx: client_max_body_size).",
      );
    case 502:
    case 503:
      return t("The proxy in front of the appliance does not reach it. It may be starting; try again soon.");
    case 504:
      return t(
        "The proxy in front of the appliance did not wait long enough. An administrator can raise its limit (nginx: proxy_read_timeout).",
      );
    default:
      return t("The appliance answered {status} and gave no reason.", { status });
  }
}

/**
 * @param {number} status
 * @param {string} text The body of a response, which should be an error as JSON.
 * @param {string | null | undefined} retryAfter
 * @returns {ApiError}
 */
export function errorFromText(status, text, retryAfter) {
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // a proxy's page
  }
  return errorFromResponse(status, body, retryAfter ?? null);
}

/** @returns {Record<string, string>} The CSRF token of a signed-in user's page, as a header. */
export function csrfHeader() {
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="csrf-token"]'));
  return meta?.content ? { "X-CSRF-Token": meta.content } : {};
}

/**
 * @param {string} route
 * @param {Record<string, string>} values Of the path's parameters. A slash in a value stays a slash.
 * @returns {[string, string]} The method, and the path with the values in it.
 */
export function resolveRoute(route, values) {
  const [method, template] = /** @type {[string, string]} */ (route.split(" "));
  const encoded = (/** @type {string} */ name) =>
    (values[name] ?? "").split("/").map(encodeURIComponent).join("/");
  return [method, fromRoot(template.replace(/\{(\w+)\}/g, (_, name) => encoded(name)))];
}

/**
 * Sends a request; a failure is thrown as an `ApiError`. A dangerous one is confirmed by password if need be.
 * @template {Route} R
 * @param {R} route
 * @param {{path?: Record<string, string>, query?: URLSearchParams,
 *   body?: R extends keyof Requests ? Requests[R] : never, signal?: AbortSignal, ifMatch?: string,
 *   onHeaders?: (headers: Headers) => void}} [options] `ifMatch` is the version that a change is for; `onHeaders` gets the
 *   headers of a good response.
 * @returns {Promise<Responses[R]>} The JSON of the response.
 */
export function request(route, options = {}) {
  return repeatConfirmed(() => sendOnce(route, options));
}

/**
 * @template {Route} R
 * @param {R} route
 * @param {{path?: Record<string, string>, query?: URLSearchParams, body?: unknown, signal?: AbortSignal, ifMatch?: string,
 *   onHeaders?: (headers: Headers) => void}} options
 * @returns {Promise<Responses[R]>}
 */
async function sendOnce(route, { path = {}, query, body, signal, ifMatch, onHeaders }) {
  const [method, url] = resolveRoute(route, path);
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...csrfHeader() };
  if (ifMatch) headers["If-Match"] = ifMatch;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
    response = await fetch(query ? `${url}?${query}` : url, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw offlineError();
  }
  reportConnection(true);
  const content = await response.json().catch(() => null);
  if (!response.ok) throw errorFromResponse(response.status, content, response.headers.get("Retry-After"));
  onHeaders?.(response.headers);
  return content;
}

/**
 * Reads a file; a failure is thrown as an `ApiError`.
 * @param {string} url
 * @param {object} [body] Sent as JSON with POST, where the file is an answer to it.
 * @returns {Promise<Blob>}
 */
export async function readFile(url, body) {
  const headers = { "Content-Type": "application/json", ...csrfHeader() };
  let response;
  try {
    response = await fetch(url, body && { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw offlineError();
  }
  reportConnection(true);
  if (response.ok) return response.blob();
  const content = await response.json().catch(() => null);
  throw errorFromResponse(response.status, content, response.headers.get("Retry-After"));
}

/**
 * Sends a file or a form. XMLHttpRequest, because fetch does not report the progress of an upload.
 * @template {Route} R
 * @param {R} route
 * @param {XMLHttpRequestBodyInit} body
 * @param {{headers?: Record<string, string>, onProgress: (share: number) => void, signal?: AbortSignal}} options
 *   The share that was sent is from 0 to 1.
 * @returns {Promise<Responses[R]>}
 */
export function upload(route, body, { headers = {}, onProgress, signal }) {
  const [method, url] = resolveRoute(route, {});
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open(method, url);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...csrfHeader(), ...headers })) {
      sending.setRequestHeader(name, value);
    }
    sending.responseType = "json";
    sending.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    sending.onload = () => {
      reportConnection(true);
      if (sending.status < 300) resolve(sending.response);
      else
        reject(errorFromResponse(sending.status, sending.response, sending.getResponseHeader("Retry-After")));
    };
    sending.onerror = () => reject(offlineError());
    sending.onabort = () => reject(signal?.reason);
    signal?.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(body);
  });
}

/**
 * For dangerous actions that are no request of a script, such as a download, or too large to be sent twice.
 * @returns {Promise<boolean>} Whether they are possible now; the user confirms by password if need be.
 */
export async function ensureConfirmed() {
  return (await request("GET /api/session")).confirmed || confirmPassword();
}

/** @param {unknown} error @returns {string} What to show of an error that was caught. */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
