/** Files that wait in the browser: each is for the user who agreed to send it, or who recorded it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { RecordedParts } from "../../src/whisper_appliance/pages/static/js/transcribe/recorded-parts.js";
import { startSharedFiles } from "../../src/whisper_appliance/pages/static/js/transcribe/shared-files.js";

/** @typedef {{file: File, uploadKey?: string, forget: () => void}} Kept */

const REPLACED = ["document", "window", "indexedDB", "IDBKeyRange", "matchMedia", "navigator", "location"];
const before = REPLACED.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
/** What is in the database. @type {Map<any, any>} */
let stored;
/** @type {Map<string, any>} */
let elements;

/** @param {string} name @param {unknown} value */
const set = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
/** All that is pending has run, because nothing here waits for a clock. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @param {unknown} result */
function asRequest(result) {
  const request = { result, onsuccess: () => {} };
  queueMicrotask(() => request.onsuccess());
  return request;
}

const objectStore = {
  getAllKeys: () => asRequest([...stored.keys()]),
  get: (/** @type {unknown} */ key) => asRequest(stored.get(key)),
  getAll: (/** @type {string} */ id) =>
    asRequest([...stored].filter(([key]) => key[0] === id).map(([, value]) => value)),
  put: (/** @type {unknown} */ value, /** @type {unknown} */ key) => asRequest(stored.set(key, value)),
  delete: (/** @type {unknown} */ key) => asRequest(stored.delete(key)),
};

const fakeElement = () =>
  Object.assign(new EventTarget(), {
    hidden: true,
    textContent: "",
    focus() {},
    setAttribute() {},
    append() {},
  });

beforeEach(() => {
  stored = new Map();
  elements = new Map();
  /** @type {Map<string, string>} */
  const local = new Map();
  const localStorage = {
    getItem: (/** @type {string} */ key) => local.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => local.set(key, value),
  };
  set("window", { localStorage });
  set("location", { href: "https://appliance.example/" });
  set("matchMedia", () => ({ matches: true }));
  set("IDBKeyRange", { bound: (/** @type {[string]} */ [id]) => id });
  set("indexedDB", { open: () => asRequest({ transaction: () => ({ objectStore: () => objectStore }) }) });
  const request = (
    /** @type {string} */ _,
    /** @type {object} */ __,
    /** @type {(lock: object) => unknown} */ run,
  ) => Promise.resolve(run({}));
  const query = () => Promise.resolve({ held: [] });
  set("navigator", {
    locks: { request, query },
    serviceWorker: { register: () => Promise.resolve() },
  });
  set("document", {
    documentElement: { lang: "en", dataset: {} },
    createElement: fakeElement,
    getElementById: (/** @type {string} */ id) => {
      if (!elements.has(id)) elements.set(id, fakeElement());
      return elements.get(id);
    },
  });
});

afterEach(() => {
  for (const [place, name] of REPLACED.entries()) {
    const descriptor = before[place];
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
});

/** A user opens the page. @param {string} user @returns {Promise<Kept[]>} What is sent, at once and later. */
async function opened(user) {
  /** @type {Kept[]} */
  const sent = [];
  elements.clear();
  startSharedFiles({ addKept: (kept) => sent.push(...kept) }, () => ({ language: "de" }), user);
  await settle();
  return sent;
}

const isAsked = () => elements.get("shared")?.hidden === false;
const agree = () => elements.get("shared-transcribe").dispatchEvent(new Event("click"));
const memo = () => new File(["x"], "memo.wav");

test("a file that one user agreed to send is neither sent nor shown for another", async () => {
  stored.set(1, { file: memo(), uploadKey: "key" });
  assert.deepEqual(await opened("ann"), []);
  agree();
  assert.deepEqual(await opened("bob"), []);
  assert.equal(isAsked(), false);
  const [sent] = await opened("ann");
  assert.equal(sent?.uploadKey, "key");
  assert.equal(isAsked(), false);
  sent?.forget();
  await settle();
  assert.equal(stored.size, 0);
});

test("a file of an older worker is asked about, and keeps one key", async () => {
  stored.set(1, memo());
  const sent = await opened("ann");
  assert.equal(isAsked(), true);
  agree();
  const [again] = await opened("ann");
  assert.equal(again?.file.name, "memo.wav");
  assert.ok(again?.uploadKey);
  assert.equal(again?.uploadKey, sent[0]?.uploadKey);
});

test("what is of no known form stays", async () => {
  stored.set(1, { recording: memo() });
  assert.deepEqual(await opened("ann"), []);
  assert.equal(isAsked(), false);
  assert.equal(stored.size, 1);
});

test("a recording is offered to the user who made it", async () => {
  const parts = new RecordedParts("ann");
  await parts.begin("talk.webm");
  await parts.add(new Blob(["x"]));
  for (const [user, offered] of /** @type {const} */ ([
    ["bob", 0],
    ["", 0],
    ["ann", 1],
  ])) {
    const later = new RecordedParts(user);
    assert.equal(await later.hasInterrupted(), offered === 1, user);
    assert.equal((await later.takeInterrupted()).length, offered, user);
  }
});

test("a recording of nobody in particular is offered to everybody", async () => {
  const parts = new RecordedParts("");
  await parts.begin("talk.webm");
  await parts.add(new Blob(["x"]));
  assert.equal(await new RecordedParts("ann").hasInterrupted(), true);
});
