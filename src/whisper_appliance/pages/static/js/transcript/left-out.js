/** What was left out as invented, in the place where it was left out, each with its reason and a way back. */

import { messageOf, request } from "../core/api.js";
import { all, button, byId, element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { segmentAt } from "../player/follow-words.js";
import { toast } from "../ui/toast.js";

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
  /** @param {HTMLElement} place Of the lines. @param {{current: () => Transcript | undefined, reload: () => Promise<void>}} page */
  constructor(place, page) {
    this.place = place;
    this.page = page;
    byId("left-out-show").addEventListener("click", () => this.#openAll());
  }

  /** Puts what was left out between the lines, which have been made anew. @param {Transcript} transcript */
  show(transcript) {
    const places = leftOut(transcript);
    const count = [...places.values()].flat().length;
    byId("left-out").hidden = !count;
    byId("left-out-line").textContent = t("{dropped} left out as probably invented", {
      dropped: tn("{count} phrase", "{count} phrases", count),
    });
    for (const [place, items] of places) {
      const details = this.#details(items, transcript);
      const line = this.place.querySelector(`#at-${place}`);
      const first = this.place.querySelector(".line");
      if (line) line.after(" ", details);
      else if (first) first.before(details, " ");
      else this.place.append(details);
    }
  }

  /** @param {{item: Dropped, number: number}[]} items @param {Transcript} transcript */
  #details(items, transcript) {
    const details = element("details", undefined, "left-out");
    details.dataset.leftOut = "";
    details.lang = document.documentElement.lang;
    const list = element("ul");
    list.append(...items.map(({ item, number }) => this.#row(item, number, transcript)));
    const label = tn("{count} phrase left out", "{count} phrases left out", items.length);
    details.append(element("summary", label), list);
    return details;
  }

  /** @param {Dropped} item @param {number} number @param {Transcript} transcript */
  #row({ start, text, reason }, number, { access, language }) {
    const row = element("li");
    const quote = element("q", text.trim());
    quote.lang = language;
    quote.dir = "auto";
    row.append(element("span", clock(start)), quote, element("small", reasonInWords(reason)));
    if (access !== "own") return row;
    const back = button(t("Bring back"), "button small", () => void this.#bringBack(number));
    back.setAttribute("aria-label", t("Bring back “{text}”", { text: text.trim() }));
    row.append(back);
    return row;
  }

  #openAll() {
    const all_ = /** @type {HTMLDetailsElement[]} */ (all(this.place, PLACE));
    for (const details of all_) details.open = true;
    all_[0]?.scrollIntoView({ block: "center" });
    all_[0]?.querySelector("summary")?.focus({ preventScroll: true });
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
    this.place
      .querySelector(`#at-${place + 1}`)
      ?.querySelector("a")
      ?.focus();
  }
}
