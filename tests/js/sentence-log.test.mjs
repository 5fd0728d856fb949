import assert from "node:assert/strict";
import { mock, test } from "node:test";

// A stand-in for a live region: it keeps what was appended.
const region = () => ({
  said: /** @type {string[]} */ ([]),
  lang: "",
  append(/** @type {{textContent: string}} */ line) {
    this.said.push(line.textContent);
  },
  get childElementCount() {
    return this.said.length;
  },
  get firstElementChild() {
    return { remove: () => this.said.shift() };
  },
  replaceChildren() {
    this.said.length = 0;
  },
});
globalThis.document = /** @type {any} */ ({ createElement: () => ({ textContent: "", className: "" }) });
const { SentenceLog } = await import("../../src/whisper_appliance/pages/static/js/live/sentence-log.js");

test("a sentence is announced once, when it is complete", () => {
  const place = region();
  const log = new SentenceLog(/** @type {any} */ (place));
  log.add([" Ever", " tried."]);
  log.add([" Ever", " failed"]);
  assert.deepEqual(place.said, ["Ever tried."]);
  log.flush();
  assert.deepEqual(place.said, ["Ever tried.", "Ever failed"]);
});

test("words that end no sentence are announced after a pause", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const place = region();
  const log = new SentenceLog(/** @type {any} */ (place));
  log.add([" no", " matter"]);
  mock.timers.tick(4000);
  assert.deepEqual(place.said, []);
  mock.timers.tick(1000);
  assert.deepEqual(place.said, ["no matter"]);
  mock.timers.reset();
});

test("what was cleared is not announced, and old sentences leave the page", () => {
  const place = region();
  const log = new SentenceLog(/** @type {any} */ (place));
  log.add([" no", " matter"]);
  log.clear();
  log.flush();
  assert.deepEqual(place.said, []);
  for (let number = 0; number < 30; number += 1) log.add([` Number ${number}.`]);
  assert.equal(place.said.length, 20);
  assert.equal(place.said.at(-1), "Number 29.");
});
