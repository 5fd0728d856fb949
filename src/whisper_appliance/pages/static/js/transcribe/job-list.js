/** The list of recordings at work: files become uploads, then jobs, then transcripts; each has one card. */

import { messageOf, request } from "../core/api.js";
import { action, announce, byId } from "../core/dom.js";
import { handOver } from "../core/file-handover.js";
import { bytes } from "../core/format.js";
import { t } from "../core/i18n.js";
import { JobWatcher } from "../core/job-watcher.js";
import { readStored, writeStored } from "../core/storage.js";
import { copyText } from "../ui/copy-button.js";
import { toast } from "../ui/toast.js";
import { JobCard } from "./job-card.js";
import { TabTitle } from "./tab-title.js";
import { UploadQueue } from "./upload-queue.js";

const DISMISSED_KEY = "dismissed-jobs";
const MAX_DISMISSED = 50;
const REFUSED_KEY = "refused-files";
const FINISHED = ["done", "failed"];
const FOCUSABLE = "button:not([hidden]), a.button:not([hidden])";

/**
 * @typedef {import("./job-card.js").Job} Job
 * @typedef {import("./job-card.js").Failure} Failure
 * @typedef {{title: string, failure: Failure}} Refused A file that became no job.
 * @typedef {import("./remote-dialog.js").Address} Address
 * @typedef {{file: File, uploadKey?: string, forget: () => void}} KeptFile What this browser keeps until it was accepted, or
 *   its card is removed: `forget` deletes it here. Its key is the same after a reload of the page.
 * @typedef {{file: File | null, uploadKey?: string, title: string, address?: {url: string, title?: string}, release: () => void}} Source Of
 *   a recording. `release` is called once it need not be kept.
 */

export class JobList {
  /** @type {Set<JobCard>} */
  cards = new Set();
  #uploads = new UploadQueue();
  #watcher = new JobWatcher();
  #title = new TabTitle();

  /** @param {{maxBytes: number, options: () => Record<string, string>, onDone: () => void}} parts */
  constructor({ maxBytes, options, onDone }) {
    this.maxBytes = maxBytes;
    this.options = options;
    this.onDone = onDone;
    byId("clear-finished").addEventListener("click", () => this.#clearFinished());
    this.#showRefused();
  }

  /** Shows again which files became no job, after a reload of the page. */
  #showRefused() {
    const refused = readStored(REFUSED_KEY, /** @type {Refused[]} */ ([]), "sessionStorage");
    for (const { title, failure } of refused.toReversed()) {
      this.#fail(this.#addCard(title, { cancel: () => {}, retry: () => {} }), failure);
    }
  }

  #storeRefused() {
    const refused = [...this.cards].filter(({ state, jobId }) => state === "failed" && !jobId);
    const kept = refused.map(({ title, failure }) => ({ title, failure }));
    writeStored(REFUSED_KEY, kept.toReversed(), "sessionStorage");
  }

  /** @param {File[]} files */
  addFiles(files) {
    this.addKept(files.map((file) => ({ file, forget: () => {} })));
  }

  /** @param {KeptFile[]} kept @param {Record<string, string>} [options] */
  addKept(kept, options = this.options()) {
    const sources = kept.map(({ file, uploadKey, forget }) => ({
      file,
      uploadKey,
      title: withoutEnding(file.name),
      release: forget,
    }));
    this.#add(sources, options);
  }

  /** @param {Address[]} addresses Of recordings that the appliance fetches. */
  addAddresses(addresses) {
    const sources = addresses.map(({ url, title, name }) => ({
      file: null,
      address: title ? { url, title } : { url },
      title: title || withoutEnding(name),
      release: () => {},
    }));
    this.#add(sources, this.options());
  }

  /** @param {Source[]} sources @param {Record<string, string>} options */
  #add(sources, options) {
    const cards = sources.map((source) => this.#addSource(source, options));
    byId("cards").prepend(...cards.map((card) => card.element)); // in the order of the files
  }

  /** @param {Source} source @param {Record<string, string>} options */
  #addSource(source, options) {
    const { file, title } = source;
    let cancel = () => {};
    const card = this.#addCard(title, {
      cancel: () => {
        cancel();
        this.#remove(card);
      },
      retry: () => {
        if (card.isStored) void this.#retryJob(card);
        else cancel = this.#upload(card, source, options);
      },
      again: () => {
        cancel = this.#upload(card, source, options, { reuse: false });
      },
    });
    card.hasFile = true;
    card.release = source.release;
    if (file) openWithFile(card, file);
    cancel = this.#upload(card, source, options);
    return card;
  }

  /**
   * @param {JobCard} card @param {Source} source @param {Record<string, string>} options
   * @param {{reuse?: boolean}} [wish] `reuse`: an earlier transcript of the same recording is shown, if there is one.
   * @returns {() => void} Cancels it.
   */
  #upload(card, { file, address, uploadKey }, options, { reuse = true } = {}) {
    const refusal = file && this.#refusal(file);
    if (refusal) {
      this.#fail(card, refusal);
      return () => {};
    }
    card.showWaiting(file ? t("Waiting to upload") : t("Fetching the recording"));
    this.#updateFrame();
    let jobId = "";
    const abort = this.#uploads.add({
      file,
      address,
      options,
      uploadKey: reuse ? uploadKey : undefined,
      reuse,
      onProgress: (share) => file && card.showUpload(share, file.size),
      onWaiting: (seconds, reason) =>
        card.showWaiting(
          reason === "busy"
            ? t("The appliance is busy. Next try in {seconds} s", { seconds: Math.ceil(seconds) })
            : t("Waiting for the appliance"),
        ),
      onAccepted: (job) => {
        jobId = job.id;
        card.release();
        // `resume` may have been quicker, after a reload of the page.
        for (const other of [...this.cards]) if (other.jobId === jobId) this.#remove(other);
        this.#watch(card, job);
      },
      onRefused: (error) => this.#fail(card, error),
    });
    return () => (jobId ? void this.#cancelJob(jobId) : abort());
  }

  /** @param {File} file @returns {Failure | null} Why the file need not be sent at all. */
  #refusal({ size }) {
    if (!size) return { code: "no_audio", message: t("This file is empty.") };
    if (!this.maxBytes || size <= this.maxBytes) return null;
    const message = t(
      "This file has {size}; the appliance takes {limit}. Save it as MP3 or split it, then add it again.",
      { size: bytes(size), limit: bytes(this.maxBytes) },
    );
    return { code: "too_large", message };
  }

  /** Shows the jobs of an earlier visit. @param {Job[]} jobs */
  resume(jobs) {
    const dismissed = new Set(readStored(DISMISSED_KEY, /** @type {string[]} */ ([])));
    for (const job of jobs.toReversed()) {
      const isOpen = ["queued", "running"].includes(job.status);
      if (!isOpen && (job.status !== "failed" || dismissed.has(job.id))) continue;
      if (job.translation_of) continue; // the page of its transcript shows it, and the queue
      if ([...this.cards].some((card) => card.jobId === job.id)) continue; // just uploaded
      const card = this.#addCard(job.title, {
        cancel: () => void this.#cancelJob(job.id).then(() => this.#remove(card)),
        retry: () => void this.#retryJob(card),
      });
      this.#watch(card, job);
    }
  }

  /** @param {JobCard} card @param {Job} job */
  #watch(card, job) {
    card.jobId = job.id;
    this.#watcher.watch(job, {
      onJob: (current) => void this.#show(card, current),
      onSegments: (segments) => card.text.add(segments),
    });
  }

  /** @param {JobCard} card @param {Job} job */
  async #show(card, job) {
    if (job.status === "failed") {
      card.isStored = job.can_retry;
      return this.#fail(
        card,
        job.error ?? { code: "internal", message: t("The job ended without a reason.") },
      );
    }
    if (job.status === "cancelled") return this.#remove(card);
    if (job.status !== "done" || !job.transcript_id) return card.showJob(job);
    try {
      const transcript = await request("GET /api/transcripts/{id}", { path: { id: job.transcript_id } });
      card.showDone(transcript, { reused: job.reused });
      announce(t("{title}: done.", { title: card.title }));
    } catch (error) {
      this.#fail(card, /** @type {import("../core/api.js").ApiError} */ (error));
    }
    this.#updateFrame();
    this.onDone();
  }

  /** @param {JobCard} card @param {Failure} error */
  #fail(card, error) {
    card.showFailed(error);
    this.#updateFrame();
  }

  /** @param {JobCard} card A failed job whose upload the appliance still has. */
  async #retryJob(card) {
    try {
      const job = await request("POST /api/jobs/{id}/retry", { path: { id: card.jobId } });
      card.isStored = false;
      card.showJob(job);
      this.#watch(card, job);
    } catch (error) {
      this.#fail(card, /** @type {import("../core/api.js").ApiError} */ (error));
    }
    this.#updateFrame();
  }

  /** @param {string} id */
  async #cancelJob(id) {
    await request("DELETE /api/jobs/{id}", { path: { id } }).catch((error) =>
      toast(t("Can't cancel: {error}", { error: messageOf(error) })),
    );
  }

  /** @param {string} title @param {{cancel: () => void, retry: () => void, again?: () => void}} actions @returns {JobCard} */
  #addCard(title, actions) {
    const card = new JobCard(title, {
      again: () => {},
      ...actions,
      dismiss: () => this.#remove(card),
      copy: () => void copyText(card.text.text, t("Text copied.")),
    });
    this.cards.add(card);
    byId("cards").prepend(card.element);
    this.#updateFrame();
    return card;
  }

  /** @param {JobCard} card */
  #remove(card) {
    const neighbour = card.element.nextElementSibling ?? card.element.previousElementSibling;
    const hadFocus = card.element.contains(document.activeElement);
    if (card.state === "failed" && card.jobId) this.#storeDismissed(card.jobId);
    card.release();
    this.cards.delete(card);
    card.element.remove();
    this.#updateFrame();
    const next = /** @type {HTMLElement | null | undefined} */ (neighbour?.querySelector(FOCUSABLE));
    if (hadFocus) (next ?? byId("choose")).focus();
    if (card.state === "done") this.onDone();
  }

  /** @param {string} jobId */
  #storeDismissed(jobId) {
    const before = readStored(DISMISSED_KEY, /** @type {string[]} */ ([]));
    writeStored(DISMISSED_KEY, [jobId, ...before].slice(0, MAX_DISMISSED));
  }

  #clearFinished() {
    for (const card of [...this.cards]) if (FINISHED.includes(card.state)) this.#remove(card);
  }

  /** The title of the tab shows how far the work is, and that it is done, until the page is visible. @param {number} finished @param {number} count */
  #showTitle(finished, count) {
    if (document.body.classList.contains("live-on")) return; // the title shows the recording then
    if (finished < count) this.#title.work(t("{finished} of {count}", { finished, count }));
    else this.#title.rest(document.hidden && count > 0 ? t("Done") : "");
  }

  /** Updates what depends on all cards. Screen readers read the text only while one recording is at work. */
  #updateFrame() {
    this.#storeRefused();
    const cards = [...this.cards];
    const atWork = cards.filter((card) => !FINISHED.includes(card.state));
    const finished = cards.length - atWork.length;
    byId("now").hidden = !cards.length;
    byId("clear-finished").hidden = finished < 2;
    document.body.classList.toggle("busy", cards.length > 0);
    for (const card of cards) {
      const isOnlyOne = atWork.length === 1 && atWork[0] === card;
      card.text.box.setAttribute("aria-live", isOnlyOne ? "polite" : "off");
    }
    const failed = cards.filter(({ state }) => state === "failed").length;
    const facts = [
      cards.length > 1 ? t("{finished} of {cards} finished", { finished, cards: cards.length }) : "",
      failed && cards.length > 1 ? t("{failed} failed", { failed }) : "",
    ];
    byId("now-title").textContent = [t("Now"), ...facts.filter(Boolean)].join(" · ");
    this.#showTitle(finished, cards.length);
  }
}

/** @param {string} name Of a file. */
const withoutEnding = (name) => name.replace(/(?<=.)\.[^.]+$/, "");

/** If the recording was not kept, its transcript's page gets the file, so that it can be heard there. @param {JobCard} card @param {File} file */
function openWithFile(card, file) {
  const link = /** @type {HTMLAnchorElement} */ (action(card.element, "open"));
  link.addEventListener("click", (event) => {
    if (card.hasRecording) return;
    const handedOver = handOver(card.transcriptId, file);
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab opens it
    event.preventDefault();
    void handedOver.then(() => location.assign(link.href));
  });
}
