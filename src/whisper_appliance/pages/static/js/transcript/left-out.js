/** What was left out as invented, in the place where it was left out, each with its reason and a way back. */

import { messageOf, request } from "../core/api.js";
import { all, button, byId, element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { segmentAt } from "../player/follow-words.js";
import { toast } from "../ui/toast.js";
import { isEditable } from "./edits.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {Transcript["dropped"][number]} Dropped
 * @typedef {{start: number, end: number}} Span
 */

const PLACE = "[data-left-out]";

/** @param {number} number Its place in `dropped`. @returns {string} The key of the segment that brings it back. */
const keyOf = (number) => `d${number}`;

/**
 * @param {Partial<Transcript> & Pick<Transcript, "segments">} transcript
 * @returns {Map<number, {item: Dropped, number: number}[]>} What is left out after each segment, by its place; -1:
 *   before the first. What was brought back is not among it.
 */
export function leftOut({ segments, dropped = [] }) {
  const keys = new Set(segments.map(({ key }) => key));
  /** @type {Map<number, {item: Dropped, number: number}[]>} */
  const places = new Map();
  dropped.forEach((item, number) => {
    if (keys.has(keyOf(number))) return;
    const place = segmentAt(segments, item.start);
    places.set(place, [...(places.get(place) ?? []), { item, number }]);
  });
  return places;
}

/**
 * @param {Span} item @param {Span | undefined} before @param {Span | undefined} after Its neighbours.
 * @param {number} duration @returns {Span} Its times where there is room between the neighbours; else as they were.
 */
export function spanBetween({ start, end }, before, after, duration) {
  const [low, high] = [before?.end ?? 0, after?.start ?? duration];
  if (low >= high) return { start, end: Math.max(start, Math.min(end, duration)) };
  const from = Math.min(Math.max(start, low), high);
  return { start: from, end: Math.max(from, Math.min(end, high)) };
}

/** @param {string} reason As the appliance names it. @returns {string} In words. */
function reasonInWords(reason) {
  /** @type {Record<string, string>} */
  const reasons = {
    "no voice": t("Nobody speaks here."),
    "boilerplate over silence": t("A phrase that models write over silence."),
    "vocabulary over silence": t("Expected words that were written over silence."),
    repetition: t("The model repeated itself."),
  };
  return reasons[reason] ?? reason;
}

export class LeftOut {
  /** @type {Transcript | undefined} */
  #transcript;
  /** @type {ReturnType<typeof leftOut>} */
  #places = new Map();
  /** @type {Set<number>} Places that are unfolded. */
  #unfolded = new Set();

  /**
   * @param {{current: () => Transcript | undefined, reload: () => Promise<unknown>, lineAt: (place: number) => HTMLElement | null}} page
   */
  constructor(page) {
    this.page = page;
    byId("left-out-show").addEventListener("click", () => this.#unfoldAll());
  }

  /** Tells how much was left out; `after` has it by place. @param {Transcript} transcript */
  show(transcript) {
    this.#transcript = transcript;
    this.#places = leftOut(transcript);
    const count = [...this.#places.values()].flat().length;
    byId("left-out").hidden = !count;
    byId("left-out-line").textContent = t("{dropped} left out as probably invented", {
      dropped: tn("{count} phrase", "{count} phrases", count),
    });
  }

  /** @param {number} place Of a line; -1: before the first. @returns {unknown[]} What `nodesAfter` is made from. */
  sourceAfter(place) {
    return this.#places.get(place)?.flatMap(({ item, number }) => [item, number]) ?? [];
  }

  /** @param {number} place Of a line; -1: before the first. @returns {HTMLElement[]} What was left out after it. */
  nodesAfter(place) {
    const items = this.#places.get(place);
    if (!items || !this.#transcript) return [];
    const details = this.#details(items, this.#transcript);
    details.dataset.leftOut = String(place);
    details.open = this.#unfolded.has(place);
    details.addEventListener("toggle", () => {
      if (details.open) this.#unfolded.add(place);
      else if (details.isConnected) this.#unfolded.delete(place);
    });
    return [details];
  }

  /** @param {{item: Dropped, number: number}[]} items @param {Transcript} transcript */
  #details(items, transcript) {
    const details = element("details", undefined, "left-out");
    details.lang = document.documentElement.lang;
    const list = element("ul");
    list.append(...items.map(({ item, number }) => this.#row(item, number, transcript)));
    const label = tn("{count} phrase left out", "{count} phrases left out", items.length);
    details.append(element("summary", label), list);
    return details;
  }

  /** @param {Dropped} item @param {number} number @param {Transcript} transcript */
  #row({ start, text, reason }, number, transcript) {
    const row = element("li");
    const quote = element("q", text.trim());
    quote.lang = transcript.language;
    quote.dir = "auto";
    row.append(element("span", clock(start)), quote, element("small", reasonInWords(reason)));
    if (!isEditable(transcript)) return row;
    const back = button(t("Bring back"), "button small", () => void this.#bringBack(number));
    back.setAttribute("aria-label", t("Bring back “{text}”", { text: text.trim() }));
    row.append(back);
    return row;
  }

  #unfoldAll() {
    this.#unfolded = new Set(this.#places.keys());
    const first = Math.min(...this.#unfolded);
    this.page.lineAt(Math.max(0, first));
    const shown = /** @type {HTMLDetailsElement[]} */ (all(document, PLACE));
    for (const details of shown) details.open = true;
    const target = shown.find((details) => Number(details.dataset.leftOut) === first) ?? shown[0];
    target?.scrollIntoView({ block: "center" });
    target?.querySelector("summary")?.focus({ preventScroll: true });
  }

  /** As an edit, which can be taken back. @param {number} number */
  async #bringBack(number) {
    const transcript = this.page.current();
    const item = transcript?.dropped[number];
    if (!transcript || !item) return;
    const { id, segments, duration, revision } = transcript;
    const place = segmentAt(segments, item.start);
    const before = segments[place];
    const span = spanBetween(item, before, segments[place + 1], duration);
    const operation = { after: before?.key ?? "", text: item.text.trim(), new: keyOf(number), ...span };
    try {
      await request("PATCH /api/transcripts/{id}/segments", {
        path: { id },
        ifMatch: `"${revision}"`,
        body: { operations: [{ op: "insert", ...operation }] },
      });
    } catch (error) {
      toast(messageOf(error));
    }
    await this.page.reload();
    this.page
      .lineAt(place + 1)
      ?.querySelector("a")
      ?.focus();
  }
}
