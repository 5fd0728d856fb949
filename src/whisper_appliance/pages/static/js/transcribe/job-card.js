/** One recording on its way: uploading, waiting, being heard, done or failed. Shows; decides nothing. */
import { action, fillDownloads, fromTemplate, slot } from "../core/dom.js";
import { bytes, clock, percent, span, speed, timeLeft } from "../core/format.js";
import { GrowingText } from "./streaming-text.js";

/** @typedef {"waiting" | "uploading" | "queued" | "running" | "done" | "failed"} State */

const BUTTONS = /** @type {Record<State, string[]>} */ ({
  waiting: ["cancel"],
  uploading: ["cancel"],
  queued: ["cancel"],
  running: ["cancel"],
  done: ["open", "copy", "dismiss"],
  failed: ["retry", "dismiss"],
});
const ENOUGH_PROGRESS = 0.02;

export class Card {
  /** @param {string} title @param {{cancel: () => void, retry?: () => void, dismiss: () => void, copy: () => void}} actions */
  constructor(title, actions) {
    this.element = fromTemplate("card-template");
    this.actions = actions;
    this.growing = new GrowingText(slot(this.element, "text"));
    this.bar = /** @type {HTMLProgressElement} */ (slot(this.element, "bar"));
    /** @type {{at: number, progress: number} | null} */
    this.began = null;
    this.transcriptId = "";
    this.jobId = "";
    this.name(title);
    this.#to("waiting");
    for (const name of ["cancel", "retry", "dismiss", "copy"]) {
      const run = /** @type {Record<string, (() => void) | undefined>} */ (actions)[name];
      action(this.element, name).addEventListener("click", () => run?.());
    }
  }

  /** @param {string} title */
  name(title) {
    this.title = title;
    slot(this.element, "title").textContent = title;
    slot(this.element, "dismiss-label").textContent = `Dismiss ${title}`;
    action(this.element, "cancel").setAttribute("aria-label", `Cancel ${title}`);
    this.bar.setAttribute("aria-label", `Progress of ${title}`);
    slot(this.element, "text").setAttribute("aria-label", `Text of ${title}`);
  }

  /** @param {State} state */
  #to(state) {
    /** @type {State} */
    this.state = state;
    this.element.dataset.state = state;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (
      this.element.querySelectorAll("[data-action]")
    )) {
      const name = button.dataset.action ?? "";
      button.hidden = !BUTTONS[state].includes(name) || (name === "retry" && !this.actions.retry);
    }
    slot(this.element, "downloads").hidden = state !== "done";
    slot(this.element, "error").hidden = state !== "failed";
    slot(this.element, "actions").hidden = state !== "done" && !(state === "failed" && this.actions.retry);
    this.bar.hidden = state === "done" || state === "failed";
  }

  /** @param {string} sentence */
  #say(sentence) {
    slot(this.element, "state").textContent = sentence;
  }

  /** @param {string} sentence Nothing moves yet, and why. */
  showWaiting(sentence) {
    this.#to("waiting");
    this.bar.value = 0;
    this.#say(sentence);
  }

  /** @param {number} share @param {number} size */
  showUpload(share, size) {
    if (this.state !== "uploading") this.#to("uploading");
    this.bar.value = share;
    this.#say(share >= 1 ? "Storing" : `Uploading ${percent(share)} of ${bytes(size)}`);
  }

  /** @param {import("../core/api.js").Job} job A job that is queued or running. */
  showJob(job) {
    if (job.status === "queued") {
      this.#to("queued");
      this.bar.value = 0;
      return this.#say(job.position ? `${job.position} ahead in the queue` : "Next in the queue");
    }
    this.#to("running");
    if (job.progress > 0) this.bar.value = job.progress;
    else this.bar.removeAttribute("value");
    this.#say(
      ["Transcribing", job.progress > 0 ? percent(job.progress) : "", this.#left(job.progress)]
        .filter(Boolean)
        .join(" · "),
    );
  }

  /** @param {number} progress */
  #left(progress) {
    const now = performance.now();
    this.began ??= { at: now, progress };
    const made = progress - this.began.progress;
    const took = (now - this.began.at) / 1000;
    return made < ENOUGH_PROGRESS || took < 2 ? "" : timeLeft((took / made) * (1 - progress));
  }

  /** @param {import("../core/api.js").Transcript} transcript */
  showDone(transcript) {
    this.#to("done");
    this.transcriptId = transcript.id;
    this.name(transcript.title);
    this.growing.finish(transcript.text);
    const pace = speed(transcript.duration, transcript.processing_seconds);
    this.#say(
      [clock(transcript.duration), `done in ${span(transcript.processing_seconds)}`, pace]
        .filter(Boolean)
        .join(" · "),
    );
    const open = /** @type {HTMLAnchorElement} */ (action(this.element, "open"));
    open.href = `/transcripts/${transcript.id}`;
    open.setAttribute("aria-label", `Open ${transcript.title}`);
    fillDownloads(slot(this.element, "downloads"), `/api/transcripts/${transcript.id}`, transcript.title);
    this.#warn(
      transcript.text
        ? transcript.warnings.map((each) => each.message).join(" ")
        : "No speech was found in this recording.",
    );
  }

  /** @param {string} sentence */
  #warn(sentence) {
    slot(this.element, "warning").textContent = sentence;
    slot(this.element, "warning").hidden = !sentence;
  }

  /** @param {{message: string, code: string, requestId?: string}} error */
  showFailed({ message, code, requestId }) {
    this.#to("failed");
    this.#say("Not transcribed");
    slot(this.element, "message").textContent = message;
    slot(this.element, "code").textContent = `Code ${code}${requestId ? `, request ${requestId}` : ""}`;
  }
}
