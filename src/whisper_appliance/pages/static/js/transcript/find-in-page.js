/**
 * Find in page: searches all of a long transcript, also what is not in the page. Matches are painted (CSS highlights), so
 * the text is not changed. Ctrl+F finds here as long as the browser's own search would miss words; pressed once more,
 * it is the browser's.
 */

import { byId, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";

const MAX_MATCHES = 2000;

/** @typedef {{paragraph: number, number: number}} Match The number counts those in the paragraph, from 0. */

export class FindInPage {
  /** @type {Match[]} */
  #matches = [];
  #current = -1;

  /** @param {import("./transcript-lines.js").TranscriptLines} lines Where to search. */
  constructor(lines) {
    this.lines = lines;
    this.field = inputById("find");
    this.field.addEventListener("input", () => this.#search());
    this.field.addEventListener("keydown", (event) => this.#onKeyDown(event));
    byId("find-next").addEventListener("click", () => this.#step(1));
    byId("find-previous").addEventListener("click", () => this.#step(-1));
    document.addEventListener("keydown", (event) => this.#onPageKeyDown(event));
    lines.addEventListener("filled", () => this.#matches.length && this.#paint());
  }

  /** To be called when the text was replaced: searches it for the words that were typed before, and stays where it is. */
  searchAgain() {
    if (!this.#words) return;
    if (this.#current < 0) return this.#search();
    this.#matches = matchesIn(this.lines.paragraphTexts, this.#words);
    this.#current = Math.min(this.#current, this.#matches.length - 1);
    this.#paint();
    this.#showCount(this.#words);
  }

  /** Searches for the words in the address, as a search of the library left them there. @param {string} words */
  searchFor(words) {
    this.field.value = words;
    this.#search();
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && !this.field.value) this.field.blur();
  }

  /** @param {KeyboardEvent} event */
  #onPageKeyDown(event) {
    const isFind = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === "f";
    if (!isFind || this.lines.blocks.isWhole || document.activeElement === this.field) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.field.focus();
    this.field.select();
  }

  get #words() {
    return this.field.value.trim().toLowerCase();
  }

  #search() {
    this.#matches = this.#words ? matchesIn(this.lines.paragraphTexts, this.#words) : [];
    this.#current = -1;
    if (this.#matches.length) return this.#step(1);
    this.#paint();
    this.#showCount(this.#words);
  }

  /** @param {1 | -1} by */
  #step(by) {
    const count = this.#matches.length;
    if (!count) return;
    this.#current = (this.#current + by + count) % count;
    const { paragraph = -1, number = 0 } = this.#matches[this.#current] ?? {};
    const shown = this.lines.paragraphAt(paragraph);
    this.#paint();
    this.#showCount(this.field.value);
    const range = shown && rangesIn(shown, this.#words)[number];
    range?.startContainer.parentElement?.scrollIntoView({ block: "center" });
  }

  #paint() {
    if (!CSS.highlights) return; // an older browser counts and scrolls, but paints nothing
    const words = this.#words;
    const current = this.#matches[this.#current];
    const wanted = new Set(this.#matches.map(({ paragraph }) => paragraph));
    const [found, now] = [new Highlight(), new Highlight()];
    now.priority = 1;
    for (const [index, paragraph] of this.lines.shownParagraphs) {
      if (!wanted.has(index)) continue;
      rangesIn(paragraph, words).forEach((range, number) => {
        found.add(range);
        if (current?.paragraph === index && current.number === number) now.add(range);
      });
    }
    CSS.highlights.set("found", found);
    CSS.highlights.set("found-now", now);
  }

  /** @param {string} words */
  #showCount(words) {
    const count = this.#matches.length;
    const position = t("{current} of {count}{more}", {
      current: this.#current + 1,
      count,
      more: count === MAX_MATCHES ? "+" : "",
    });
    byId("found").textContent = !words ? "" : count ? position : t("None");
    byId("find-next").hidden = count < 2;
    byId("find-previous").hidden = count < 2;
  }
}

/** @param {string[]} texts Of paragraphs. @param {string} words @returns {Match[]} The first ones. */
export function matchesIn(texts, words) {
  const matches = [];
  for (const [paragraph, text] of texts.entries()) {
    let number = 0;
    for (const _ of occurrences(text.toLowerCase(), words)) {
      matches.push({ paragraph, number });
      number += 1;
      if (matches.length >= MAX_MATCHES) return matches;
    }
  }
  return matches;
}

/** @param {Element} paragraph @param {string} words @returns {Range[]} */
function rangesIn(paragraph, words) {
  const nodes = textNodes(paragraph);
  const content = nodes.map(({ data }) => data).join("");
  return [...occurrences(content.toLowerCase(), words)].map((start) =>
    rangeIn(nodes, start, Math.min(start + words.length, content.length)),
  );
}

/** @param {Element} paragraph @returns {Text[]} Its words, without times, the speaker, notes, the translation and what was left out. */
function textNodes(paragraph) {
  const nodes = [];
  const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement?.closest("a, .speaker, .note, .translated, details"))
      nodes.push(/** @type {Text} */ (node));
  }
  return nodes;
}

/** @param {Text[]} nodes @param {number} start @param {number} end In their joined text. @returns {Range} */
function rangeIn(nodes, start, end) {
  const range = new Range();
  let at = 0;
  for (const node of nodes) {
    const stop = at + node.length;
    if (start >= at && start < stop) range.setStart(node, start - at);
    if (end > at && end <= stop) {
      range.setEnd(node, end - at);
      break;
    }
    at = stop;
  }
  return range;
}

/** @param {string} text @param {string} words @returns {Generator<number>} Where they begin, without overlaps. */
export function* occurrences(text, words) {
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) yield at;
}
