/** A translation line by line: what of it stands beside each line, by their times. As `transcript/beside.py` does it. */

import { segmentAt } from "../player/follow-words.js";

/** @typedef {{start: number, end: number, text: string, channel?: number | null}} Span */

/**
 * @param {readonly Span[]} segments In the order of their starts. @param {readonly Span[]} translated
 * @returns {string[]} One for each segment, empty where the translation has nothing.
 */
export function linesBeside(segments, translated) {
  const longest = Math.max(0, ...segments.map(({ start, end }) => end - start));
  /** @type {string[][]} */
  const lines = segments.map(() => []);
  for (const each of [...translated].sort((one, other) => one.start - other.start)) {
    const text = each.text.replace(/\s+/g, " ").trim();
    if (text) lines[placeOf(segments, each, longest)]?.push(text);
  }
  return lines.map((line) => line.join(" "));
}

/** @param {readonly Span[]} segments @param {Span} translated @param {number} longest Seconds of a segment. */
function placeOf(segments, translated, longest) {
  let place = Math.max(0, segmentAt(segments, translated.start));
  let most = 0;
  let isSameChannel = false;
  for (let at = segmentAt(segments, translated.end); at >= 0; at -= 1) {
    const segment = /** @type {Span} */ (segments[at]);
    if (segment.start < translated.start - longest) break;
    const seconds = Math.min(segment.end, translated.end) - Math.max(segment.start, translated.start);
    const isSame = (segment.channel ?? null) === (translated.channel ?? null);
    if (seconds <= 0 || isSame < isSameChannel) continue;
    if (isSame > isSameChannel || seconds >= most) [place, most, isSameChannel] = [at, seconds, isSame];
  }
  return place;
}
