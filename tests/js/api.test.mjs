/** The HTTP client: routes become URLs, and failures become errors with code and field. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ApiError, request, resolveRoute } from "../../src/whisper_appliance/pages/static/js/core/api.js";

/** @type {any[]} Arguments of fetch. */
let sent = [];
/** @type {() => Promise<Response>} */
let respond = async () => Response.json({});
/** @type {(content: string) => void} */
let setToken = () => {};

beforeEach(() => {
  sent = [];
  let token = "";
  setToken = (content) => {
    token = content;
  };
  const page = new EventTarget();
  Object.assign(page, { querySelector: () => (token ? { content: token } : null) });
  Object.assign(globalThis, {
    document: page,
    fetch: async (/** @type {unknown[]} */ ...parts) => {
      sent = parts;
      return respond();
    },
  });
});
afterEach(() => Reflect.deleteProperty(globalThis, "document"));

test("values are encoded into the path, and slashes stay", () => {
  assert.deepEqual(resolveRoute("GET /api/jobs/{id}", { id: "a b?" }), ["GET", "/api/jobs/a%20b%3F"]);
  const route = "POST /api/admin/models/{name}/load";
  assert.deepEqual(resolveRoute(route, { name: "org/model #1" }), [
    "POST",
    "/api/admin/models/org/model%20%231/load",
  ]);
});

test("the JSON of the response is returned", async () => {
  respond = async () => Response.json({ jobs: [] });
  assert.deepEqual(await request("GET /api/jobs"), { jobs: [] });
  assert.deepEqual(sent[1].headers, { Accept: "application/json" });
});

test("a body is sent as JSON, with the token of a signed-in user", async () => {
  respond = async () => new Response(null, { status: 204 });
  setToken("secret");
  assert.equal(await request("PATCH /api/account", { body: { name: "Ada" } }), null);
  assert.equal(sent[1].method, "PATCH");
  assert.equal(sent[1].body, '{"name":"Ada"}');
  assert.equal(sent[1].headers["X-CSRF-Token"], "secret");
  assert.equal(sent[1].headers["Content-Type"], "application/json");
});

test("an error has the code, the field and the seconds to wait", async () => {
  const error = { code: "busy", message: "Wait.", field: "file", request_id: "r1" };
  respond = async () => Response.json({ error }, { status: 429, headers: { "Retry-After": "7" } });
  await assert.rejects(request("GET /api/jobs"), {
    name: "Error",
    message: "Wait.",
    code: "busy",
    field: "file",
    status: 429,
    requestId: "r1",
    retryAfterSeconds: 7,
    offline: false,
  });
});

test("an error page of a proxy becomes an error with its status", async () => {
  respond = async () => new Response("<html>", { status: 502 });
  await assert.rejects(request("GET /api/jobs"), { code: "http_502", status: 502 });
});

test("a lost connection is reported to the page", async () => {
  respond = async () => Promise.reject(new TypeError("fetch failed"));
  /** @type {boolean[]} */
  const reached = [];
  document.addEventListener("connection", (event) => reached.push(/** @type {CustomEvent} */ (event).detail));
  await assert.rejects(request("GET /api/jobs"), (error) => error instanceof ApiError && error.offline);
  assert.deepEqual(reached, [false]);
});

test("an aborted request stays aborted, and is no lost connection", async () => {
  respond = async () => Promise.reject(new DOMException("", "AbortError"));
  await assert.rejects(request("GET /api/jobs", { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("an answer of a proxy gets a reason and what helps", async () => {
  const html = { headers: { "Content-Type": "text/html" } };
  respond = async () => new Response("<h1>413 Request Entity Too Large</h1>", { ...html, status: 413 });
  await assert.rejects(request("GET /api/jobs"), { code: "http_413", message: /client_max_body_size/ });
  respond = async () => new Response("<h1>504 Gateway Time-out</h1>", { ...html, status: 504 });
  await assert.rejects(request("GET /api/jobs"), { code: "http_504", message: /proxy_read_timeout/ });
  respond = async () => new Response("<h1>502 Bad Gateway</h1>", { ...html, status: 502 });
  await assert.rejects(request("GET /api/jobs"), { code: "http_502", message: /does not reach it/ });
});
