/** Chapters of a long recording: they begin after its longest pauses, and are a list to jump. */

import { byId, element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";

const SHORTEST_RECORDING_SECONDS = 600;
const SHORTEST_CHAPTER_SECONDS = 120;
const USUAL_CHAPTER_SECONDS = 300;
const PAUSE_SECONDS = 3;
const TITLE_CHARACTERS = 60;

/** @typedef {{start: number, end: number, text: string}} Segment */

/**
 * @param {readonly Segment[]} segments @param {number} duration Seconds.
 * @returns {number[]} Places of the segments that begin a chapter; none where there are fewer than two chapters.
 */
export function chapterStarts(segments, duration) {
  if (duration < SHORTEST_RECORDING_SECONDS || !segments.length) return [];
  const pauses = segments.map(({ start }, place) => ({
    place,
    start,
    pause: start - (segments[place - 1]?.end ?? start),
  }));
  const chosen = pauses.slice(0, 1);
  const longest = pauses
    .filter(({ pause }) => pause >= PAUSE_SECONDS)
    .sort((one, other) => other.pause - one.pause);
  for (const candidate of longest) {
    if (chosen.length * USUAL_CHAPTER_SECONDS >= duration) break;
    const isApart = chosen.every(
      ({ start }) => Math.abs(start - candidate.start) >= SHORTEST_CHAPTER_SECONDS,
    );
    if (isApart) chosen.push(candidate);
  }
  return chosen.length < 2 ? [] : chosen.map(({ place }) => place).sort((one, other) => one - other);
}

/** @param {readonly Segment[]} segments @param {number} place @returns {string} The first words of a chapter. */
export function chapterTitle(segments, place) {
  let words = "";
  for (let at = place; at < segments.length && words.length <= TITLE_CHARACTERS; at += 1)
    words += segments[at]?.text ?? "";
  const text = words.replace(/\s+/g, " ").trim();
  if (text.length <= TITLE_CHARACTERS) return text;
  const cut = [...text.slice(0, TITLE_CHARACTERS + 1)].slice(0, TITLE_CHARACTERS).join("");
  return `${cut.replace(/\s+\S*$/, "")}…`;
}

/** @param {{segments: Segment[], duration: number}} transcript */
export function showChapters({ segments, duration }) {
  const starts = chapterStarts(segments, duration);
  byId("chapters").hidden = !starts.length;
  byId("chapters-line").textContent = t("Chapters ({count})", { count: starts.length });
  byId("chapters-list").replaceChildren(
    ...starts.map((place) => {
      const link = element("a");
      link.href = `#at-${place}`;
      const title = element("span", chapterTitle(segments, place));
      title.dir = "auto";
      title.lang = byId("words").lang;
      link.append(element("span", clock(segments[place]?.start ?? 0), "chapter-time"), title);
      const item = element("li");
      item.append(link);
      return item;
    }),
  );
}
