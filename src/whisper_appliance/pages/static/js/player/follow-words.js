/** Words in step with the audio: paints the word that is said, keeps it in view, and finds the time of a word.

 * Works on lines as they are shown: `.line` elements with the segment's text in a `p`. The text is not changed.
 */

/**
 * @typedef {{start: number, end: number, text: string, words?: {start: number, end: number, word: string}[]}} Segment
 * @typedef {import("./player.js").Player} Player
 */

const SCROLL_MARGIN = 96; // pixels at the top and above the player in which a line counts as out of view

export class FollowWords {
  /** @type {readonly Segment[]} */
  #segments = [];
  #line = -1;
  #word = -1;

  /** @param {Player} player @param {import("../transcript/transcript-lines.js").TranscriptLines} lines */
  constructor(player, lines) {
    this.player = player;
    this.lines = lines;
    player.addEventListener("time", (event) => {
      this.#showTime(/** @type {CustomEvent<{seconds: number}>} */ (event).detail.seconds);
    });
    lines.place.addEventListener("click", (event) => this.#onClick(event));
    lines.addEventListener("filled", () => this.#light(this.lines.shownLineAt(this.#line)));
  }

  /** @param {readonly Segment[]} segments Those of the lines, in their order. */
  setSegments(segments) {
    this.#segments = segments;
    this.lines.shownLineAt(this.#line)?.removeAttribute("data-now");
    this.#line = this.#word = -1;
    if (this.player.currentSeconds) this.#showTime(this.player.currentSeconds);
  }

  /** Scrolls to the line at a second. @param {number} seconds */
  scrollTo(seconds) {
    this.lines.lineAt(segmentAt(this.#segments, seconds))?.scrollIntoView({ block: "center" });
  }

  /** @param {number} seconds */
  #showTime(seconds) {
    const index = segmentAt(this.#segments, seconds);
    const word = wordAt(this.#segments[index]?.words ?? [], seconds);
    if (index === this.#line && word === this.#word) return;
    const before = this.lines.shownLineAt(this.#line);
    const isFollowed = this.player.isPlaying && (this.#line < 0 || (before !== null && isInView(before)));
    const isNext = index !== this.#line;
    const line = isNext && isFollowed ? this.lines.lineAt(index) : this.lines.shownLineAt(index);
    this.#line = index;
    this.#word = word;
    if (isNext) before?.removeAttribute("data-now");
    if (isNext && isFollowed && line) keepInView(line);
    this.#light(line);
  }

  /** @param {HTMLElement | null} line The one that is said, if it is in the page. */
  #light(line) {
    line?.setAttribute("data-now", "");
    this.#paint(line);
  }

  /** @param {HTMLElement | null} line */
  #paint(line) {
    if (!CSS.highlights) return;
    const text = line?.querySelector("p");
    const words = this.#segments[this.#line]?.words ?? [];
    const span = text && this.#word >= 0 ? spanOf(words, this.#word, text.textContent ?? "") : null;
    if (text && span) CSS.highlights.set("said", new Highlight(rangeOf(text, span)));
    else CSS.highlights.delete("said");
  }

  /** A click on a word or on a time plays from there; one that marks text does not. @param {MouseEvent} event */
  #onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const line = target.closest(".line");
    const segment = this.#segments[Number(line?.id.slice("at-".length))];
    if (!line || !segment || !this.player.hasRecording || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || !(getSelection()?.isCollapsed ?? true)) return;
    const text = line.querySelector("p");
    if (text?.contains(target)) this.player.play(secondsAt(segment, text, event) ?? segment.start);
    else if (target.closest("a")) this.player.play(segment.start);
  }
}

/** @param {readonly Segment[]} segments @param {number} seconds @returns {number} The last one that has begun; -1: none. */
export function segmentAt(segments, seconds) {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.start ?? 0) <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** @param {readonly {start: number}[]} words @param {number} seconds @returns {number} The last one that has begun; -1: none. */
export function wordAt(words, seconds) {
  let found = -1;
  words.forEach((word, index) => {
    if (word.start <= seconds) found = index;
  });
  return found;
}

/**
 * @param {readonly {word: string}[]} words @param {number} index @param {string} text The words in a row, trimmed.
 * @returns {[number, number] | null} Where the word begins and ends in the text; null if they are not the text's.
 */
export function spanOf(words, index, text) {
  const joined = words.map(({ word }) => word).join("");
  if (joined.trim() !== text.trim()) return null;
  const before = words
    .slice(0, index)
    .map(({ word }) => word)
    .join("");
  const word = words[index]?.word ?? "";
  const lead = joined.length - joined.trimStart().length;
  const start = Math.max(0, before.length + (word.length - word.trimStart().length) - lead);
  return [start, start + word.trim().length];
}

/** @param {Node} text @param {[number, number]} span @returns {Range} */
function rangeOf(text, [start, end]) {
  const range = new Range();
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let at = 0;
  let isBegun = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.nodeValue?.length ?? 0;
    if (!isBegun && start < at + length) {
      range.setStart(node, start - at);
      isBegun = true;
    }
    if (isBegun && end <= at + length) {
      range.setEnd(node, end - at);
      break;
    }
    at += length;
  }
  return range;
}

/** @param {Segment} segment @param {Element} text @param {MouseEvent} event @returns {number | null} */
function secondsAt(segment, text, { clientX, clientY }) {
  const caret = document.caretPositionFromPoint?.(clientX, clientY);
  if (!caret || !text.contains(caret.offsetNode)) return null;
  const before = new Range();
  before.setStart(text, 0);
  before.setEnd(caret.offsetNode, caret.offset);
  const offset = before.toString().length;
  const content = text.textContent ?? "";
  const { words = [], start, end } = segment;
  for (let index = words.length - 1; index >= 0; index -= 1) {
    const span = spanOf(words, index, content);
    if (span && span[0] <= offset) return words[index]?.start ?? null;
  }
  return start + ((end - start) * offset) / Math.max(1, content.length);
}

/** @param {Element} element */
function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

/** @param {Element} line */
function keepInView(line) {
  const { top, bottom } = line.getBoundingClientRect();
  if (top >= SCROLL_MARGIN && bottom <= innerHeight - 2 * SCROLL_MARGIN) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  line.scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
}
