/** The words of which the model was unsure, one after the other: each is shown and played. */

import { t } from "../core/i18n.js";
import { toast } from "../ui/toast.js";
import { isUnsure } from "./transcript-lines.js";

/** @typedef {import("./edits.js").Segment} Segment */

const AROUND_SECONDS = 0.75;

export class DoubtfulWords {
  #last = -1;

  /**
   * @param {{segments: () => Segment[], lineOf: (key: string) => HTMLElement | null,
   *   play: (start: number, end: number) => void, scrollTo: (seconds: number) => void}} page Times in seconds.
   */
  constructor(page) {
    this.page = page;
  }

  /** Goes to the next one, after the last to the first. */
  next() {
    const found = this.page
      .segments()
      .flatMap(({ key, words = [] }) => words.filter(isUnsure).map((word) => ({ key, word })));
    const next = found.find(({ word }) => word.start > this.#last) ?? found[0];
    if (!next) return toast(t("The model was sure of every word."));
    const { start, end } = next.word;
    this.#last = start;
    this.page.scrollTo(start);
    this.page.lineOf(next.key)?.querySelector("a")?.focus({ preventScroll: true });
    this.page.play(Math.max(0, start - AROUND_SECONDS), end + AROUND_SECONDS);
  }
}
