/** Chapters of a recording, as a list to jump: those after its long pauses, or by hand. */

import { byId, element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { segmentAt } from "../player/follow-words.js";

const TOLERANCE_SECONDS = 0.05; // people write times in hundredths

/**
 * @typedef {{start: number, end: number, text: string}} Segment
 * @typedef {{start: number, title: string}} Chapter
 */

/** @param {readonly Segment[]} segments @param {number} start @returns {number} The place of the segment with which a chapter begins. */
export function chapterPlace(segments, start) {
  const there = segments.findIndex((segment) => Math.abs(segment.start - start) <= TOLERANCE_SECONDS);
  return there < 0 ? Math.max(0, segmentAt(segments, start)) : there;
}

/** @param {readonly Segment[]} segments @param {readonly Chapter[]} chapters */
export function showChapters(segments, chapters) {
  byId("chapters").hidden = !chapters.length;
  byId("chapters-line").textContent = t("Chapters ({count})", { count: chapters.length });
  byId("chapters-list").replaceChildren(
    ...chapters.map(({ start, title }) => {
      const link = element("a");
      link.href = `#at-${chapterPlace(segments, start)}`;
      const words = element("span", title);
      words.dir = "auto";
      words.lang = byId("words").lang;
      link.append(element("span", clock(start), "chapter-time"), words);
      const item = element("li");
      item.append(link);
      return item;
    }),
  );
}
