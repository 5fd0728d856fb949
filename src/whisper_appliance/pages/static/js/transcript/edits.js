/** Sends corrections of a transcript one after the other, takes them back, says what was saved, and takes in those of others. */

import { ApiError, messageOf, request } from "../core/api.js";
import { element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { toast } from "../ui/toast.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {Transcript["segments"][number]} Segment
 * @typedef {import("../core/api.js").Requests["PATCH /api/transcripts/{id}/segments"]["operations"]} Operations
 * @typedef {import("../core/api.js").Responses["PATCH /api/transcripts/{id}/segments"]} Changed
 * @typedef {"POST /api/transcripts/{id}/undo" | "POST /api/transcripts/{id}/redo"} TakeBack
 * @typedef {Changed["changes"][number] & {paragraphs?: number[]}} Change As the stream of changes sends it; the last one
 *   of several has `paragraphs`.
 */

const CHANGED_MEANWHILE = 412;
const NOTHING_LEFT = 409;
const FORBIDDEN = 403;
const GONE = 404;

/** @param {Transcript | undefined} transcript @returns {transcript is Transcript} Whether the reader may change its text and title. */
export const isEditable = (transcript) => Boolean(transcript && ["own", "edit"].includes(transcript.access));

export class Edits {
  /** @type {Promise<unknown>} Corrections go out one after the other. */
  #last = Promise.resolve();
  #sending = 0;
  /** @type {Change[]} Changes of others that the page does not show yet. */
  #received = [];

  /**
   * @param {{current: () => Transcript | undefined, changed: (answer: Changed) => Promise<void>, reload: () => Promise<unknown>,
   *   received: (changes: Change[], answer: Changed) => Promise<void>, isBusy: () => boolean,
   *   lineAt: (place: number) => HTMLElement | null, state: HTMLElement}} page
   *   `changed` gets what the server did, `received` what others did; not while the page `isBusy`. `lineAt` puts a line
   *   into the page; `state` says what was saved.
   */
  constructor(page) {
    this.page = page;
  }

  get isAllowed() {
    return isEditable(this.page.current());
  }

  /** @returns {Promise<unknown>} When all corrections are saved, and the page shows them. */
  get settled() {
    return this.#last;
  }

  /** @returns {Segment[]} */
  get segments() {
    return this.page.current()?.segments ?? [];
  }

  /** @param {HTMLElement | null} line @returns {Segment | undefined} */
  segmentOf(line) {
    return line ? this.segments[Number(line.id.slice("at-".length))] : undefined;
  }

  /** @param {string} key Of a segment. @returns {HTMLElement | null} */
  lineOf(key) {
    return this.page.lineAt(this.segments.findIndex((segment) => segment.key === key));
  }

  /** @returns {string[]} The names of those who speak, in the order in which they begin. */
  get speakers() {
    return [...new Set(this.segments.flatMap(({ speaker }) => speaker || []))];
  }

  /**
   * Makes one correction of all operations, or none; a failure is shown.
   * @param {Operations} operations
   * @param {Segment} [base] The segment as it was when they began: if it is another one by now, nothing is saved.
   * @returns {Promise<boolean>} Whether it was saved.
   */
  apply(operations, base = undefined) {
    return this.#send(
      t("Saved"),
      (path, ifMatch) => {
        if (base && this.isChanged(base))
          throw new ApiError(t("Somebody else changed these words meanwhile."), {
            status: CHANGED_MEANWHILE,
          });
        return request("PATCH /api/transcripts/{id}/segments", { path, ifMatch, body: { operations } });
      },
      (error) => toast(notSaved(error)),
    );
  }

  /** @param {Segment} base A segment as it was. @returns {boolean} Whether its words are others now, or it is gone. */
  isChanged({ key, text }) {
    return this.segments.find((segment) => segment.key === key)?.text !== text;
  }

  /** Takes in a change of somebody else, as soon as the page can show it. @param {Change} change */
  receive(change) {
    this.#received.push(change);
    void this.takeReceived();
  }

  /** Shows what was received meanwhile; afterwards the page is complete up to the last change with paragraphs. */
  async takeReceived() {
    const complete = this.#received.findLastIndex(({ paragraphs }) => paragraphs) + 1;
    if (!complete || this.#sending || this.page.isBusy()) return;
    const changes = this.#received.splice(0, complete);
    const { revision, paragraphs = [] } = /** @type {Change} */ (changes.at(-1));
    const known = this.page.current()?.revision ?? 0;
    if (revision <= known) return;
    const others = changes.filter((change) => change.revision > known);
    await this.page.received(others, {
      revision,
      paragraphs,
      changes: others,
      can_undo: true,
      can_redo: true,
    });
  }

  /** @param {TakeBack} route @returns {Promise<boolean>} Whether there was something to take back. */
  takeBack(route) {
    return this.#send(
      route.endsWith("undo") ? t("Undone") : t("Redone"),
      (path, ifMatch) => request(route, { path, ifMatch }),
      (error) =>
        toast(error.status === NOTHING_LEFT ? t("There is nothing left to take back.") : messageOf(error)),
    );
  }

  /** @param {number} revision @returns {Promise<boolean>} Whether that version is the current one now. */
  restore(revision) {
    return this.#send(
      t("Restored"),
      (path, ifMatch) =>
        request("POST /api/transcripts/{id}/versions/{revision}/restore", {
          path: { ...path, revision: String(revision) },
          ifMatch,
        }),
      (error) => toast(notSaved(error)),
    );
  }

  /**
   * @param {string} done
   * @param {(path: {id: string}, ifMatch: string) => Promise<Changed>} run
   * @param {(error: ApiError) => void} fail
   * @returns {Promise<boolean>}
   */
  #send(done, run, fail) {
    this.#sending += 1;
    const sent = this.#last.then(async () => {
      const transcript = this.page.current();
      if (!isEditable(transcript)) return false;
      this.#show(t("Saving"));
      try {
        const answer = await run({ id: transcript.id }, `"${transcript.revision}"`);
        this.#show(done);
        await this.page.changed(answer);
        return true;
      } catch (error) {
        this.#show("");
        await this.page.reload();
        fail(/** @type {ApiError} */ (error)); // last, because it says more than that the transcript is gone
        return false;
      }
    });
    this.#last = sent.finally(() => {
      this.#sending -= 1;
      return this.takeReceived();
    });
    return sent;
  }

  /** @param {string} sentence */
  #show(sentence) {
    this.page.state.replaceChildren(element("span", sentence));
  }
}

/** @param {ApiError} error @returns {string} */
function notSaved(error) {
  return t("Not saved: {reason}", { reason: reasonOf(error) });
}

/** @param {ApiError} error @returns {string} */
function reasonOf(error) {
  switch (error.status) {
    case CHANGED_MEANWHILE:
      return t("Somebody else changed these words meanwhile.");
    case GONE:
      return t("This transcript or line was deleted meanwhile.");
    case FORBIDDEN:
      return t("You may no longer change this transcript.");
    default:
      return messageOf(error);
  }
}
