/** One recording's card: uploading, queued, running, done or failed. It only shows; job-list.js decides. */

import { fromRoot } from "../core/addresses.js";
import { dayAndTime } from "../core/datetime.js";
import { action, all, fromTemplate, slot } from "../core/dom.js";
import { bytes, clock, duration, percent, speed, timeLeft } from "../core/format.js";
import { t } from "../core/i18n.js";
import { FINAL_CODES } from "../core/job-watcher.js";
import { fillDownloads } from "../ui/download-menu.js";
import { StreamingText } from "./streaming-text.js";

/**
 * @typedef {import("../core/api.js").Responses} Responses
 * @typedef {Responses["GET /api/jobs/{id}"]} Job
 * @typedef {Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {{code: string, message: string, requestId?: string}} Failure
 * @typedef {"waiting" | "uploading" | "queued" | "running" | "done" | "failed"} State
 * @typedef {{cancel: () => void, retry: () => void, again: () => void, dismiss: () => void, copy: () => void}} Actions
 */

/** @type {Record<State, (keyof Actions | "open")[]>} */
const BUTTONS = {
  waiting: ["cancel"],
  uploading: ["cancel"],
  queued: ["cancel"],
  running: ["cancel"],
  done: ["open", "copy", "again", "dismiss"],
  failed: ["retry", "dismiss"],
};
export class JobCard {
  /** @type {State} */
  state = "waiting";
  transcriptId = "";
  jobId = "";
  /** Whether the appliance still has the upload of the failed job. */
  isStored = false;
  /** Whether this page has the file, so that it can send it again. */
  hasFile = false;
  /** Called once the browser need not keep the file. */
  release = () => {};
  /** Whether the appliance kept the recording, so that it can be heard. */
  hasRecording = false;
  title = "";
  /** @type {Failure} */
  failure = { code: "", message: "" };

  /** @param {string} title @param {Actions} actions */
  constructor(title, actions) {
    this.element = fromTemplate("card-template");
    this.actions = actions;
    this.text = new StreamingText(slot(this.element, "text"));
    this.bar = /** @type {HTMLProgressElement} */ (slot(this.element, "bar"));
    this.#setTitle(title);
    this.#setState("waiting");
    for (const name of /** @type {(keyof Actions)[]} */ (["cancel", "retry", "again", "dismiss", "copy"])) {
      action(this.element, name).addEventListener("click", () => actions[name]?.());
    }
  }

  /** @param {string} title */
  #setTitle(title) {
    this.title = title;
    slot(this.element, "title").textContent = title;
    slot(this.element, "dismiss-label").textContent = t("Dismiss {title}", { title });
    action(this.element, "cancel").setAttribute("aria-label", t("Cancel {title}", { title }));
    this.bar.setAttribute("aria-label", t("Progress of {title}", { title }));
    slot(this.element, "text").setAttribute("aria-label", t("Text of {title}", { title }));
  }

  /** @param {State} state */
  #setState(state) {
    this.state = state;
    this.element.dataset.state = state;
    const canRetry = this.#canRetry;
    for (const button of all(this.element, "[data-action]")) {
      const name = /** @type {keyof Actions} */ (button.dataset.action);
      button.hidden = !BUTTONS[state].includes(name) || (name === "retry" && !canRetry);
    }
    slot(this.element, "downloads").hidden = state !== "done";
    slot(this.element, "error").hidden = state !== "failed";
    slot(this.element, "actions").hidden = state !== "done" && !(state === "failed" && canRetry);
    this.bar.hidden = state === "done" || state === "failed";
  }

  get #canRetry() {
    return !FINAL_CODES.includes(this.failure.code) && (this.isStored || this.hasFile);
  }

  /** @param {string} sentence */
  #showState(sentence) {
    slot(this.element, "state").textContent = sentence;
  }

  /** @param {string} sentence Why nothing happens yet. */
  showWaiting(sentence) {
    this.#setState("waiting");
    this.bar.value = 0;
    this.#showState(sentence);
  }

  /** @param {number} share From 0 to 1. @param {number} size Bytes. */
  showUpload(share, size) {
    if (this.state !== "uploading") this.#setState("uploading");
    this.bar.value = share;
    this.#showState(
      share >= 1
        ? t("Storing")
        : t("Uploading {share} of {size}", { share: percent(share), size: bytes(size) }),
    );
  }

  /** @param {Job} job Queued or running. */
  showJob(job) {
    if (job.status === "queued") {
      this.#setState("queued");
      this.bar.value = job.progress;
      if (job.waiting) return this.#showState(t("Waiting: {reason}", { reason: job.waiting.message }));
      if (job.paused) return this.#showState(t("Paused"));
      const ahead = (job.position ?? 1) - 1;
      const place = ahead ? t("{position} ahead in the queue", { position: ahead }) : t("Next in the queue");
      return this.#showState(joined(place, leftOf(job)));
    }
    this.#setState("running");
    if (job.progress > 0) this.bar.value = job.progress;
    else this.bar.removeAttribute("value");
    const share = job.progress > 0 ? percent(job.progress) : "";
    this.#showState(joined(t("Transcribing"), share, leftOf(job)));
  }

  /** @param {Transcript} transcript @param {{reused?: boolean}} [how] `reused`: it was there already. */
  showDone(transcript, { reused = false } = {}) {
    const { id, title, text, duration: length, processing_seconds: took, warnings } = transcript;
    this.#setState("done");
    this.transcriptId = id;
    this.hasRecording = Boolean(transcript.recording);
    this.#setTitle(title);
    this.text.finish(text);
    const facts = reused
      ? [clock(length), t("already transcribed: {time}", { time: dayAndTime(transcript.created) })]
      : [clock(length), t("done in {took}", { took: duration(took) }), speed(length, took)];
    this.#showState(facts.filter(Boolean).join(" · "));
    action(this.element, "again").hidden = !reused || !this.hasFile;
    const open = /** @type {HTMLAnchorElement} */ (action(this.element, "open"));
    open.href = fromRoot(`/transcripts/${id}`);
    open.setAttribute("aria-label", t("Open {title}", { title }));
    fillDownloads(slot(this.element, "downloads"), `/api/transcripts/${id}`, title);
    const warning = warnings.map(({ message }) => message).join(" ");
    this.#showWarning(text ? warning : t("No speech was found in this recording."));
  }

  /** @param {string} sentence */
  #showWarning(sentence) {
    slot(this.element, "warning").textContent = sentence;
    slot(this.element, "warning").hidden = !sentence;
  }

  /** @param {Failure} error */
  showFailed({ message, code, requestId }) {
    this.failure = { message, code, requestId };
    this.#setState("failed");
    this.#showState(t("Not transcribed"));
    slot(this.element, "message").textContent = message;
    slot(this.element, "code").textContent = requestId
      ? t("Code {code}, request {request_id}", { code, request_id: requestId })
      : t("Code {code}", { code });
  }
}

/** @param {Job} job @returns {string} The appliance's estimate, which counts the queue. */
function leftOf({ seconds_left: seconds }) {
  return seconds == null ? "" : timeLeft(seconds);
}

/** @param {string[]} facts @returns {string} Those that are known. */
function joined(...facts) {
  return facts.filter(Boolean).join(" · ");
}
