/** The translation of a transcript: made from the recording or the words, shown or hidden, made anew, deleted. */

import { ApiError, messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { byId, dialogById, formById, selectById } from "../core/dom.js";
import { languageName } from "../core/format.js";
import { t } from "../core/i18n.js";
import { JobWatcher } from "../core/job-watcher.js";
import { confirmed } from "../ui/confirm.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { linesBeside } from "./beside.js";
import { isEditable } from "./edits.js";
import { TranslationBeside } from "./translation-beside.js";

const ENGLISH = "en";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}/translation"]} State
 * @typedef {import("../core/job-watcher.js").Job} Job
 */

/** @param {Pick<Transcript, "task" | "languages">} transcript @returns {boolean} Whether it says something that is not English. */
export const isForeign = ({ task, languages }) =>
  task !== "translate" && languages.some((code) => code !== ENGLISH);

/** @param {Pick<Transcript, "task" | "languages">} transcript @returns {boolean} Whether a translator of text reads its language. */
function isReadable({ task, languages }) {
  const written = task === "translate" ? ENGLISH : languages[0];
  const read = (byId("open-translation").dataset.from ?? "").split(" ");
  return written !== undefined && written !== "" && read.includes(written);
}

export class Translation {
  /** @type {State["translation"]} */
  #translation = null;
  /** @type {State["targets"]} The languages that are possible. */
  #targets = [];
  /** @type {string[]} Names of models of Whisper on this machine that can translate. */
  #models = [];
  /** @type {Transcript["segments"]} Those that the lines are for. */
  #segments = [];
  /** @type {string[]} */
  #lines = [];
  /** @type {Job | null} The one that makes it. */
  #job = null;
  #isWatched = false; // whether the job tells how it ends
  #jobs = new JobWatcher();
  #isLoaded = false;

  /**
   * @param {string} id Of the transcript.
   * @param {{current: () => Transcript | undefined, changed: () => void}} page `changed` shows the lines as they are now.
   */
  constructor(id, page) {
    this.id = id;
    this.page = page;
    this.beside = new TranslationBeside(page.changed);
    this.dialog = dialogById("translation-dialog");
    this.form = formById("translation-form");
    closeOnClick(byId("translation-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-translation"));
    byId("open-translation").addEventListener("click", () => void this.open());
    byId("translation-delete").addEventListener("click", () => void this.#delete());
    byId("translation-cancel").addEventListener("click", () => void this.#cancel());
    selectById("translation-target").addEventListener("change", () => this.#showTarget());
    selectById("translation-model").addEventListener("change", () => this.#showSource());
    onSubmit(this.form, (data) => this.#start(data));
  }

  /** To be called before the lines are shown, because they ask for what stands after them. @param {Transcript} transcript */
  show(transcript) {
    const made = this.#translation?.segments ?? [];
    if (this.#segments !== transcript.segments) this.#lines = linesBeside(transcript.segments, made);
    this.#segments = transcript.segments;
    const isByText = isReadable(transcript);
    const mayMake =
      isEditable(transcript) && transcript.segments.length > 0 && (isByText || isForeign(transcript));
    byId("open-translation").hidden = !mayMake && !(this.#translation && isEditable(transcript));
    byId("open-translation-line").textContent = this.#translation
      ? t("Translation")
      : isByText
        ? t("Translate")
        : t("Translate into English");
    this.beside.show(this.#lines, this.#translation?.language ?? "");
    if (!this.#isLoaded && isForeign(transcript)) void this.load(); // others are told by `receive`
  }

  /** Reads what there is: the translation, the job that makes another one, the targets. @returns {Promise<string>} Why not. */
  async load() {
    this.#isLoaded = true;
    try {
      const { translation, job, targets } = await request("GET /api/transcripts/{id}/translation", {
        path: { id: this.id },
      });
      this.#targets = targets;
      if (translation?.created !== this.#translation?.created) this.#take(translation);
      if (job) await this.#follow(job);
      else if (!this.#isWatched) this.#showState(null);
      return "";
    } catch (error) {
      this.#isLoaded = false; // the words are there; the next change tries again
      return messageOf(error);
    }
  }

  /**
   * Somebody has it made, made it, or deleted it.
   * @param {{created: string | null, job: Pick<Job, "id" | "status"> | null}} now
   */
  receive({ created, job }) {
    if (this.#isWatched) return; // the end of the job tells it
    const isSameJob = job?.id === this.#job?.id && job?.status === this.#job?.status;
    if (created !== (this.#translation?.created ?? null) || !isSameJob) void this.load();
  }

  async open() {
    const error = await this.load(); // what is possible now: the recording may be gone
    const transcript = this.page.current();
    if (this.dialog.open || !transcript) return;
    if (error) return toast(error);
    const made = this.#translation;
    const isPossible = this.#targets.length > 0;
    showFormError(this.form, "");
    this.form.hidden = !isPossible || Boolean(this.#job);
    byId("translation-not-kept").hidden = isPossible;
    const states = [
      this.#job && t("A translation is being made."),
      made && t("Made: {day}, by {model}.", { day: dayAndTime(made.created), model: made.model }),
    ];
    byId("translation-made").textContent = states.filter(Boolean).join(" ");
    byId("translation-start").textContent = made ? t("Translate anew") : t("Translate");
    byId("translation-delete").hidden = !made;
    const targets = selectById("translation-target");
    targets.replaceChildren(
      ...this.#targets.map(({ language }) => new Option(languageName(language), language)),
    );
    targets.value =
      this.#targets.find(({ language }) => language === made?.language)?.language ?? targets.value;
    this.#showTarget();
    this.dialog.showModal();
    if (this.form.hidden) return;
    targets.focus();
    void this.#listModels(transcript.model);
  }

  get #target() {
    const chosen = selectById("translation-target").value;
    return this.#targets.find(({ language }) => language === chosen);
  }

  /** What can make the chosen language: models of Whisper, then translators. */
  #showTarget() {
    const names = [...(this.#target?.recording ? this.#models : []), ...(this.#target?.translators ?? [])];
    selectById("translation-model").replaceChildren(
      ...(names.length ? names.map((name) => new Option(name, name)) : [new Option(t("Default"), "")]),
    );
    showFormError(this.form, "");
    this.#showSource();
  }

  /** Whether it is made from the recording or from the words. */
  #showSource() {
    const isOfWords = this.#target?.translators.includes(selectById("translation-model").value) ?? false;
    byId("translation-of-words").hidden = !isOfWords;
    byId("translation-of-recording").hidden = isOfWords;
  }

  /** Those of Whisper on this machine that can translate; that of the transcript first. @param {string} before */
  async #listModels(before) {
    if (!this.#targets.some(({ recording }) => recording)) return;
    try {
      const { models } = await request("GET /api/models");
      const able = models.filter(({ installed, translates }) => installed && translates);
      const chosen = able.find(({ name }) => name === before) ?? able.find((each) => each.default);
      const others = able.filter((each) => each !== chosen);
      this.#models = [...(chosen ? [chosen] : []), ...others].map(({ name }) => name);
      this.#showTarget();
      if (!able.length && this.#target?.recording && !this.#target.translators.length)
        showFormError(
          this.form,
          t("No model on this machine can translate. An administrator can download one."),
        );
    } catch (error) {
      showFormError(this.form, messageOf(error));
    }
  }

  /** @param {Record<string, string>} data */
  async #start({ target, model }) {
    const job = await request("POST /api/transcripts/{id}/translation", {
      path: { id: this.id },
      body: { target: target ?? ENGLISH, model: model || null },
    });
    this.dialog.close();
    await this.#follow(job);
  }

  /** Watches a job; that of somebody else can only be waited for. @param {Job} job */
  async #follow(job) {
    const isNew = this.#job?.id !== job.id;
    if (isNew || !this.#isWatched) this.#showState(job);
    if (!isNew) return;
    try {
      await request("GET /api/jobs/{id}", { path: { id: job.id } });
      this.#isWatched = true;
      this.#jobs.watch(job, { onJob: (now) => void this.#onJob(now), onSegments: () => {} });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) this.#fail(messageOf(error));
    }
  }

  /** @param {Job} job */
  async #onJob(job) {
    if (this.#job?.id !== job.id) return;
    if (job.status === "failed") return this.#fail(job.error?.message ?? "");
    if (job.status === "cancelled") return this.#showState(null);
    if (job.status !== "done") return this.#showState(job);
    this.#showState(null);
    this.beside.reveal(); // who has it made wants to see it
    await this.load();
    if (this.#translation) toast(t("The translation stands beside the lines."));
    else this.#fail(t("It was deleted meanwhile."));
  }

  /** @param {string} message */
  #fail(message) {
    this.#showState(null);
    byId("translation-state").textContent = t("Not translated: {error}", { error: message });
  }

  /** @param {Job | null} job */
  #showState(job) {
    this.#job = job;
    this.#isWatched &&= job !== null;
    const { status, progress = 0, waiting } = job ?? {};
    const percent = Math.floor(progress * 100);
    byId("translation-state").textContent = !job
      ? ""
      : waiting
        ? t("The translation waits: {reason}", { reason: waiting.message })
        : status === "queued"
          ? t("The translation waits for its turn.")
          : t("Translating, {percent} %", { percent });
    byId("translation-cancel").hidden = !this.#isWatched;
  }

  async #cancel() {
    if (!this.#job) return;
    try {
      await request("DELETE /api/jobs/{id}", { path: { id: this.#job.id } });
      byId("open-translation").focus();
    } catch (error) {
      toast(messageOf(error));
    }
  }

  async #delete() {
    const question = {
      title: t("Delete the translation?"),
      text: t("The transcript stays as it is, and can be translated again as long as that is possible."),
      action: t("Delete"),
    };
    if (!(await confirmed(question))) return;
    try {
      await request("DELETE /api/transcripts/{id}/translation", { path: { id: this.id } });
      this.#take(null);
    } catch (error) {
      toast(messageOf(error));
      void this.load();
    }
    this.dialog.close();
  }

  /** @param {State["translation"]} translation */
  #take(translation) {
    this.#translation = translation;
    this.#segments = [];
    this.page.changed();
  }
}
