/** What others change while the page is open arrives by server-sent events, as long as the page is visible. */

import { EventStream } from "../core/sse.js";

const RETRY_SECONDS = 60;

/**
 * @typedef {{revision: number, chapters: number | undefined, aligned: number}} Known Revisions of words and chapters, and
 *   the number of the last alignment of words.
 */

/** @param {string} id @param {Known} known @returns {string} Of the stream of what is newer. */
export function changesAddress(id, { revision, chapters, aligned }) {
  const query = new URLSearchParams({ since: String(revision), aligned: String(aligned) });
  if (chapters !== undefined) query.set("chapters", String(chapters));
  return `/api/transcripts/${id}/changes?${query}`;
}

export class LiveChanges {
  /** @type {EventStream | null} */
  #stream = null;
  #isStarted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} id Of the transcript.
   * @param {{known: () => Known | undefined, events: Record<string, (data: any) => void>, refused: () => Promise<boolean>}} page
   *   `known` is what the page shows, which is not sent again. `refused`: there is no stream now; false: there never will be.
   */
  constructor(id, page) {
    this.id = id;
    this.page = page;
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  start() {
    this.#isStarted = true;
    this.#follow();
  }

  stop() {
    this.#isStarted = false;
    this.#follow();
  }

  #follow() {
    clearTimeout(this.#retry);
    const known = this.page.known();
    if (!this.#isStarted || document.hidden || !known) {
      this.#stream?.close();
      this.#stream = null;
      return;
    }
    this.#stream ??= new EventStream(changesAddress(this.id, known), {
      events: this.page.events,
      onRefused: () => void this.#onRefused(),
    });
  }

  /** The right to read may have ended, or too many streams are open. */
  async #onRefused() {
    this.#stream = null;
    if (!(await this.page.refused())) return this.stop();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#follow(), RETRY_SECONDS * 1000);
  }
}
