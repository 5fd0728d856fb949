/**
 * Records without captions: what was said becomes a file of this browser, which is transcribed like any other.
 * Its parts are kept in the browser until the appliance has it, so a reload or a crash of the page loses at most a second.
 */

import { buttonById, byId } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { WakeLock } from "../live/wake-lock.js";
import { toast } from "../ui/toast.js";
import { RecordedParts } from "./recorded-parts.js";

const PART_MILLISECONDS = 1000;
const TYPES = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4"];
const BITS_A_SECOND = 64_000;

export class Recorder {
  #parts;
  #wakeLock = new WakeLock();
  /** @type {MediaRecorder | null} */
  #recorder = null;
  #isStarting = false;
  #startedAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {(recording: import("./recorded-parts.js").Recording) => void} onRecording
   * @param {string} user Id of the user; empty: nobody is signed in.
   */
  constructor(onRecording, user) {
    this.onRecording = onRecording;
    this.#parts = new RecordedParts(user);
    byId("record").addEventListener("click", () => void this.toggle());
    void this.#offerInterrupted();
  }

  get isRecording() {
    return this.#recorder !== null;
  }

  async toggle() {
    if (this.#recorder) return void this.#recorder.stop();
    if (this.#isStarting) return; // the browser may be asking for the microphone
    this.#isStarting = true;
    await this.#open().finally(() => {
      this.#isStarting = false;
    });
  }

  async #open() {
    const microphone = await import("../live/microphone.js");
    const source = /** @type {HTMLSelectElement} */ (byId("source")).value;
    try {
      await this.#start(await microphone.openSource(source));
    } catch (error) {
      const { title, advice } = microphone.captureError(error, source);
      toast(`${title}. ${advice}`);
    }
  }

  /** @param {MediaStream} stream Its tracks are stopped if it can't be recorded. */
  async #start(stream) {
    try {
      await this.#record(stream);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      this.#parts.end();
      throw error;
    }
  }

  /** @param {MediaStream} stream */
  async #record(stream) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const sound = new MediaStream(stream.getAudioTracks());
    const recorder = new MediaRecorder(sound, { mimeType, audioBitsPerSecond: BITS_A_SECOND });
    const title = t("Recording {time}", {
      time: new Date().toLocaleString(document.documentElement.lang, {
        dateStyle: "medium",
        timeStyle: "short",
      }),
    });
    await this.#parts.begin(`${title}.${recorder.mimeType.includes("mp4") ? "m4a" : "webm"}`);
    recorder.addEventListener("dataavailable", ({ data }) => void this.#parts.add(data));
    recorder.addEventListener("stop", () => this.#finish(stream), { once: true });
    for (const track of stream.getTracks())
      track.addEventListener("ended", () => recorder.state !== "inactive" && recorder.stop());
    recorder.start(PART_MILLISECONDS);
    this.#recorder = recorder;
    this.#startedAt = performance.now();
    this.#wakeLock.set(true);
    this.#show();
    this.#timer = setInterval(() => this.#show(), 1000);
  }

  /** @param {MediaStream} stream */
  #finish(stream) {
    clearInterval(this.#timer);
    for (const track of stream.getTracks()) track.stop();
    this.#recorder = null;
    this.#wakeLock.set(false);
    this.#show();
    const recording = this.#parts.end();
    if (recording) this.onRecording(recording);
    void this.#offerInterrupted(); // again, because the earlier offer may have been missed
  }

  /** What was recorded when a page was left, or not yet sent. */
  async #offerInterrupted() {
    const isHere = await this.#parts.hasInterrupted();
    if (!isHere || this.#recorder) return;
    toast(t("A recording was interrupted. It is still in this browser."), {
      label: t("Transcribe it"),
      run: async () => {
        for (const recording of await this.#parts.takeInterrupted()) this.onRecording(recording);
      },
    });
  }

  #show() {
    const { isRecording } = this;
    byId("record").setAttribute("aria-pressed", String(isRecording));
    buttonById("speak").disabled = isRecording; // the microphone is taken
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1000);
    byId("record-line").textContent = isRecording
      ? t("Stop recording, {time}", { time: clock(seconds) })
      : t("Only record");
  }
}
