/** Recording without captions: how it starts. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Recorder } from "../../src/whisper_appliance/pages/static/js/transcribe/recorder.js";

/** Microphones that were opened, and those that still are. */
let [opened, open] = [0, 0];
/** How often the browser asked for the microphone. */
let questions = 0;
/** Is there once it asks. @type {Promise<() => void>} Answers it. */
let question;
let canRecord = true;
const REPLACED = ["document", "window", "isSecureContext", "MediaStream", "MediaRecorder", "navigator"];
const before = REPLACED.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));

/** @param {string} name @param {unknown} value */
const set = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });

class FakeStream {
  constructor() {
    opened += 1;
    open += 1;
  }
  getTracks = () => [Object.assign(new EventTarget(), { stop: () => (open -= 1) })];
  getAudioTracks = () => [];
}

class FakeRecorder extends EventTarget {
  static isTypeSupported = () => true;
  mimeType = "audio/webm";
  start() {
    if (!canRecord) throw new DOMException("no", "NotSupportedError");
  }
  stop() {
    this.dispatchEvent(new Event("stop"));
  }
}

const fakeElement = () =>
  Object.assign(new EventTarget(), { value: "", setAttribute() {}, append() {}, replaceChildren() {} });

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  [opened, open, questions, canRecord] = [0, 0, 0, true];
  let getUserMedia;
  question = new Promise((ask) => {
    getUserMedia = () =>
      new Promise((resolve) => {
        questions += 1;
        ask(() => resolve(new FakeStream()));
      });
  });
  set("document", {
    documentElement: { lang: "en" },
    addEventListener() {},
    getElementById: fakeElement,
    createElement: fakeElement,
    querySelector: () => null,
    body: fakeElement(),
  });
  set("window", globalThis);
  set("isSecureContext", true);
  set("MediaStream", class {});
  set("MediaRecorder", FakeRecorder);
  set("navigator", { mediaDevices: { getUserMedia }, userAgent: "" });
});

afterEach(() => {
  mock.timers.reset();
  for (const [place, name] of REPLACED.entries()) {
    const descriptor = before[place];
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
});

test("a second click, while the browser asks for the microphone, opens none", async () => {
  const recorder = new Recorder(() => {}, "");
  const started = recorder.toggle();
  const allow = await question;
  void recorder.toggle();
  await new Promise(setImmediate);
  allow();
  await started;
  assert.deepEqual([questions, open, recorder.isRecording], [1, 1, true]);
  await recorder.toggle();
  assert.deepEqual([open, recorder.isRecording], [0, false]);
});

test("where the browser can't record after all, the microphone is not left open", async () => {
  canRecord = false;
  const recorder = new Recorder(() => {}, "");
  const started = recorder.toggle();
  (await question)();
  await started;
  assert.deepEqual([opened, open, recorder.isRecording], [1, 0, false]);
});
