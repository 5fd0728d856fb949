/** The list of what happens now: from files to jobs to transcripts, one card each. */
import { api, ApiError } from "../core/api.js";
import { Card } from "./job-card.js";
import { announce, byId, copyText } from "../core/dom.js";
import { bytes } from "../core/format.js";
import { Jobs } from "./job-watcher.js";
import { recall, remember } from "../core/storage.js";
import { toast } from "../ui/toast.js";
import { Uploads } from "./upload-queue.js";

const DISMISSED = "dismissed-jobs";
const DISMISSED_KEPT = 50;
const FINISHED = ["done", "failed"];

export class Work {
  /** @type {Set<Card>} */
  cards = new Set();
  #uploads = new Uploads();
  #jobs = new Jobs();

  /** @param {{maxBytes: number, options: () => Record<string, string>, onDone: () => void}} parts */
  constructor({ maxBytes, options, onDone }) {
    this.maxBytes = maxBytes;
    this.options = options;
    this.onDone = onDone;
    byId("clear-finished").addEventListener("click", () => this.#clearFinished());
  }

  /** @param {File[]} files */
  take(files) {
    const options = this.options();
    const cards = files.map((file) => this.#start(file, options));
    byId("cards").prepend(...cards.map((card) => card.element)); // in the order in which they were handed over
  }

  /** @param {File} file @param {Record<string, string>} options */
  #start(file, options) {
    let stop = () => {};
    const card = this.#add(file.name, {
      cancel: () => {
        stop();
        this.#remove(card);
      },
      retry: () => {
        stop = this.#upload(card, file, options);
      },
    });
    stop = this.#upload(card, file, options);
    return card;
  }

  /** @param {Card} card @param {File} file @param {Record<string, string>} options @returns {() => void} */
  #upload(card, file, options) {
    const refused = this.#refusal(file);
    if (refused) {
      card.showFailed(refused);
      this.#settle();
      return () => {};
    }
    card.showWaiting("Waiting to upload");
    this.#settle();
    let jobId = "";
    const stop = this.#uploads.add({
      file,
      options,
      onProgress: (share) => card.showUpload(share, file.size),
      onWaiting: (seconds, why) =>
        card.showWaiting(
          why === "busy"
            ? `The appliance is busy. Next try in ${Math.ceil(seconds)} s`
            : "Waiting for the appliance",
        ),
      onAccepted: (job) => {
        jobId = job.id;
        for (const other of [...this.cards]) if (other.jobId === jobId) this.#remove(other); // `resume` may have been quicker
        this.#follow(card, job);
      },
      onRefused: (error) => this.#fail(card, error),
    });
    return () => (jobId ? this.#cancelJob(jobId) : stop());
  }

  /** @param {File} file */
  #refusal(file) {
    if (this.maxBytes && file.size > this.maxBytes) {
      const message = `This file has ${bytes(file.size)}; the appliance takes ${bytes(this.maxBytes)}. Save it as MP3 or split it, then add it again.`;
      return { code: "too_large", message };
    }
    return file.size ? null : { code: "no_audio", message: "This file is empty." };
  }

  /** Takes up jobs that were left in an earlier visit. @param {import("../core/api.js").Job[]} jobs */
  resume(jobs) {
    const dismissed = new Set(recall(DISMISSED, /** @type {string[]} */ ([])));
    for (const job of [...jobs].reverse()) {
      const open = ["queued", "running"].includes(job.status);
      if (!open && (job.status !== "failed" || dismissed.has(job.id))) continue;
      if ([...this.cards].some((card) => card.jobId === job.id)) continue; // just sent
      const card = this.#add(job.title, {
        cancel: () => this.#cancelJob(job.id).then(() => this.#remove(card)),
      });
      card.jobId = job.id;
      this.#follow(card, job);
    }
  }

  /** @param {Card} card @param {import("../core/api.js").Job} job */
  #follow(card, job) {
    card.jobId = job.id;
    this.#jobs.watch(job, {
      onJob: (now) => this.#show(card, now),
      onSegments: (segments) => card.growing.add(segments),
    });
  }

  /** @param {Card} card @param {import("../core/api.js").Job} job */
  async #show(card, job) {
    if (job.status === "failed")
      return this.#fail(card, job.error ?? { code: "internal", message: "The work ended without a reason." });
    if (job.status === "cancelled") return this.#remove(card);
    if (job.status !== "done" || !job.transcript_id) return card.showJob(job);
    try {
      card.showDone(await api.transcript(job.transcript_id));
      announce(`${card.title}: done.`);
    } catch (error) {
      this.#fail(card, /** @type {ApiError} */ (error));
    }
    this.#settle();
    this.onDone();
  }

  /** @param {Card} card @param {{code: string, message: string, requestId?: string}} error */
  #fail(card, error) {
    card.showFailed(error);
    this.#settle();
  }

  /** @param {string} id */
  async #cancelJob(id) {
    await api.cancel(id).catch((error) => toast(`Can't cancel: ${error.message}`));
  }

  /** @param {string} title @param {{cancel: () => void, retry?: () => void}} actions */
  #add(title, actions) {
    /** @type {Card} */
    const card = new Card(title, {
      ...actions,
      dismiss: () => this.#remove(card),
      copy: () => this.#copy(card),
    });
    this.cards.add(card);
    byId("cards").prepend(card.element);
    this.#settle();
    return card;
  }

  /** @param {Card} card */
  #remove(card) {
    const neighbour = /** @type {HTMLElement | null} */ (
      card.element.nextElementSibling ?? card.element.previousElementSibling
    );
    const hadFocus = card.element.contains(document.activeElement);
    if (card.state === "failed" && card.jobId) this.#dismissed(card.jobId);
    this.cards.delete(card);
    card.element.remove();
    this.#settle();
    if (hadFocus)
      /** @type {HTMLElement | null} */ (
        (neighbour?.querySelector("button:not([hidden]), a.button:not([hidden])")) ?? byId("choose")
      ).focus();
    if (card.state === "done") this.onDone();
  }

  /** @param {string} jobId */
  #dismissed(jobId) {
    remember(DISMISSED, [jobId, ...recall(DISMISSED, /** @type {string[]} */ ([]))].slice(0, DISMISSED_KEPT));
  }

  #clearFinished() {
    for (const card of [...this.cards]) if (FINISHED.includes(card.state)) this.#remove(card);
  }

  /** @param {Card} card */
  #copy(card) {
    copyText(card.growing.text).then(
      () => toast("Text copied."),
      () => toast("Can't copy here. Select the text and copy it by hand."),
    );
  }

  /** Brings the frame in line with what the list holds. Words are read out only while one recording is at work. */
  #settle() {
    const all = [...this.cards];
    const atWork = all.filter((card) => !FINISHED.includes(card.state));
    byId("now").hidden = !all.length;
    byId("clear-finished").hidden = all.length - atWork.length < 2;
    document.body.classList.toggle("busy", all.length > 0);
    for (const card of all)
      card.growing.box.setAttribute(
        "aria-live",
        atWork.length === 1 && atWork[0] === card ? "polite" : "off",
      );
    const done = all.length - atWork.length;
    byId("now-title").textContent = all.length > 1 ? `Now · ${done} of ${all.length} finished` : "Now";
  }
}
