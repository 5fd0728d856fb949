/** Transcribes a span of the kept recording again, with other options; shows old and new words, to take or to leave. */

import { messageOf, request, upload } from "../core/api.js";
import { all, buttonById, byId, dialogById, element, formById, selectById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { JobWatcher } from "../core/job-watcher.js";
import { closeOnClick, focusAfter } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { newKey } from "./line-editor.js";
import { preciseClock, secondsOf } from "./precise-times.js";
import { wordDifference } from "./word-difference.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("./edits.js").Operations} Operations
 * @typedef {import("./edits.js").Segment} Segment
 * @typedef {import("./edits.js").Transcript} Transcript
 * @typedef {import("../core/job-watcher.js").Job} Job
 * @typedef {{start: number, end: number}} Span Seconds.
 * @typedef {{id: string, segments: Segment[], span: Span}} Result Times of its segments count from the span's start.
 */

export class SpanDialog {
  /** @type {Result | null} */
  #result = null;
  /** @type {Job | null} The one that is waited for. */
  #job = null;
  #jobs = new JobWatcher();

  /**
   * @param {Edits} edits
   * @param {{current: () => Transcript | undefined, seconds: () => number, focused: () => HTMLElement | null}} page
   *   `seconds` is where the player is, `focused` the line with the focus.
   */
  constructor(edits, page) {
    this.edits = edits;
    this.page = page;
    this.dialog = dialogById("span-dialog");
    this.form = formById("span-form");
    closeOnClick(byId("span-close"));
    closeOnClick(buttonById("span-leave"));
    focusAfter(this.dialog, byId("open-span"));
    this.dialog.addEventListener("close", () => this.#forget());
    buttonById("span-take").addEventListener("click", () => void this.#take());
    onSubmit(this.form, (data) => this.#transcribe(data));
  }

  /** Opens it for the selected lines, else for the line with the focus, else for the one at the player's time. */
  open() {
    const chosen = this.#chosen();
    const [first, last] = [chosen[0], chosen.at(-1)];
    if (!first || !last || !this.edits.isAllowed || this.dialog.open) return;
    this.#show("form");
    showFormError(this.form, "");
    const isKept = Boolean(this.page.current()?.recording);
    this.form.hidden = !isKept;
    byId("span-not-kept").hidden = isKept;
    this.#field("start").value = preciseClock(first.start);
    this.#field("end").value = preciseClock(last.end);
    this.dialog.showModal();
    if (isKept) selectById("span-model").focus();
    if (isKept) void this.#listModels();
  }

  /** @returns {Segment[]} */
  #chosen() {
    const { segments } = this.edits;
    const selection = getSelection();
    const range = selection?.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0) : null;
    const lines = all(byId("words"), ".line").filter((line) => range?.intersectsNode(line));
    const [first, last] = [lines[0], lines.at(-1)].map((line) =>
      segments.findIndex((each) => each === this.edits.segmentOf(line ?? null)),
    );
    if (range && first !== undefined && last !== undefined && first >= 0)
      return segments.slice(first, last + 1);
    const seconds = this.page.seconds();
    const at =
      this.edits.segmentOf(this.page.focused()) ??
      segments.findLast(({ start }) => start <= seconds) ??
      segments[0];
    return at ? [at] : [];
  }

  async #listModels() {
    try {
      const { models } = await request("GET /api/models");
      const select = selectById("span-model");
      const first = /** @type {HTMLOptionElement} */ (select.options[0]);
      const chosen = select.value;
      select.replaceChildren(first, ...models.map(({ name }) => new Option(name, name)));
      select.value = models.some(({ name }) => name === chosen) ? chosen : "";
    } catch (error) {
      showFormError(this.form, messageOf(error));
    }
  }

  /** @param {Record<string, string>} data */
  async #transcribe({ start = "", end = "", ...options }) {
    const [from, until] = [secondsOf(start), secondsOf(end)];
    const wrong = from === null ? "start" : until === null ? "end" : "";
    if (from === null || until === null)
      return showFormError(this.form, t("Write a time as 1:02.5 or 0:01:02.5."), wrong);
    const id = this.page.current()?.id ?? "";
    const form = new FormData();
    const fields = {
      ...options,
      transcript_id: id,
      start: from,
      end: until,
      word_timestamps: "true",
      async: "true",
    };
    for (const [name, value] of Object.entries(fields)) if (value !== "") form.append(name, String(value));
    const job = /** @type {Job} */ (await upload("POST /transcribe", form, { onProgress: () => {} }));
    this.#show("wait");
    this.#job = job;
    this.#jobs.watch(job, {
      onJob: (now) => void this.#onJob(now, { start: from, end: until }),
      onSegments: () => {},
    });
  }

  /** @param {Job} job @param {Span} span */
  async #onJob({ id, status, error, transcript_id: made }, span) {
    if (status === "done" && made && this.#job?.id !== id) return void discard(made); // it was closed meanwhile
    if (this.#job?.id !== id) return;
    if (status === "failed" || status === "cancelled") this.#fail(error?.message ?? t("It was cancelled."));
    if (status !== "done" || !made) return;
    this.#job = null;
    try {
      const { segments } = await request("GET /api/transcripts/{id}", { path: { id: made } });
      this.#result = { id: made, segments, span };
      this.#compare(this.#result);
    } catch (problem) {
      this.#fail(messageOf(problem));
    }
  }

  /** @param {string} message */
  #fail(message) {
    this.#job = null;
    this.#show("form");
    showFormError(this.form, message);
  }

  /** @param {Result} result */
  #compare({ segments, span }) {
    const [old, now] = [textOf(covered(this.edits.segments, span)), textOf(segments)];
    const { before, after } = wordDifference(old, now);
    byId("span-old").replaceChildren(
      ...before.flatMap(({ text, isSame }) => [element(isSame ? "span" : "del", text), " "]),
    );
    byId("span-new").replaceChildren(
      ...after.flatMap(({ text, isSame }) => [element(isSame ? "span" : "ins", text), " "]),
    );
    byId("span-same").hidden = old !== now;
    byId("span-none").hidden = now !== "";
    buttonById("span-take").hidden = old === now;
    this.#show("result");
    (old === now ? buttonById("span-leave") : buttonById("span-take")).focus();
  }

  async #take() {
    const result = this.#result;
    if (!result) return;
    const operations = taking(this.edits.segments, result, this.page.current()?.duration ?? 0);
    if (await this.edits.apply(operations)) this.dialog.close();
  }

  /** What is not wanted any more goes to the trash. */
  #forget() {
    if (this.#result) discard(this.#result.id);
    this.#result = this.#job = null;
  }

  /** @param {"form" | "wait" | "result"} state */
  #show(state) {
    this.form.hidden = state !== "form";
    byId("span-wait").textContent = state === "wait" ? t("Transcribing these words again.") : "";
    byId("span-result").hidden = state !== "result";
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }
}

/** @param {string} id Of a transcript. */
function discard(id) {
  request("DELETE /api/transcripts/{id}", { path: { id } }).catch(() => {}); // then it stays in the library
}

/** @template {Span} T @param {T[]} segments @param {Span} span @returns {T[]} Those whose middle is in the span. */
export function covered(segments, { start, end }) {
  return segments.filter((each) => {
    const middle = (each.start + each.end) / 2;
    return middle >= start && middle <= end;
  });
}

/** @param {{text: string}[]} segments */
const textOf = (segments) =>
  segments
    .map(({ text }) => text)
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();

/**
 * @param {Segment[]} segments @param {Result} result @param {number} duration Seconds.
 * @returns {Operations} The edit that puts the result in the place of the words that it covers.
 */
export function taking(segments, { segments: made, span }, duration) {
  const old = covered(segments, span);
  const place = old[0] ? segments.indexOf(old[0]) : segments.filter(({ start }) => start < span.start).length;
  const before = segments[place - 1];
  const low = Math.min(before?.end ?? 0, span.start);
  const high = segments[place + old.length]?.start ?? duration;
  const within = (/** @type {number} */ seconds) => Math.min(Math.max(seconds + span.start, low), high);
  let after = before?.key ?? "";
  const inserts = made.map((segment) => {
    const words = (segment.words ?? []).map((word) => ({
      ...word,
      start: within(word.start),
      end: within(word.end),
    }));
    const [start, end] = [within(segment.start), within(segment.end)];
    const speaker = old.findLast((each) => each.start <= start)?.speaker ?? old[0]?.speaker ?? "";
    const insert = {
      op: /** @type {const} */ ("insert"),
      after,
      text: segment.text.trim(),
      start,
      end,
      speaker,
      words,
      new: newKey(),
    };
    after = insert.new;
    return insert;
  });
  const removed = old.map(({ key }) => key);
  return [
    ...(removed.length ? [{ op: /** @type {const} */ ("delete"), segments: removed }] : []),
    ...inserts,
  ];
}
