/** Find in page: searches a long transcript. Matches are painted (CSS highlights), so the text is not changed. */

import { byId, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";

const MAX_MATCHES = 2000;

export class FindInPage {
  /** @type {Range[]} */
  #matches = [];
  #current = -1;

  /** @param {HTMLElement} text Where to search. */
  constructor(text) {
    this.text = text;
    this.field = inputById("find");
    this.field.addEventListener("input", () => this.#search());
    this.field.addEventListener("keydown", (event) => this.#onKeyDown(event));
    byId("find-next").addEventListener("click", () => this.#step(1));
    byId("find-previous").addEventListener("click", () => this.#step(-1));
  }

  /** To be called when the text was replaced: searches it for the words that were typed before. */
  searchAgain() {
    if (this.field.value) this.#search();
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

  #search() {
    const words = this.field.value.trim().toLowerCase();
    this.#matches = words ? [...this.#find(words)] : [];
    this.#current = -1;
    this.#paint();
    this.#showCount(words);
    if (this.#matches.length) this.#step(1);
  }

  /** @param {string} words @returns {Generator<Range>} */
  *#find(words) {
    let found = 0;
    for (const paragraph of this.text.querySelectorAll(".paragraph")) {
      const nodes = textNodes(paragraph);
      const content = nodes.map(({ data }) => data).join("");
      for (const start of occurrences(content.toLowerCase(), words)) {
        yield rangeIn(nodes, start, Math.min(start + words.length, content.length));
        found += 1;
        if (found >= MAX_MATCHES) return;
      }
    }
  }

  /** @param {1 | -1} by */
  #step(by) {
    const count = this.#matches.length;
    if (!count) return;
    this.#current = (this.#current + by + count) % count;
    this.#paint();
    this.#showCount(this.field.value);
    this.#matches[this.#current]?.startContainer.parentElement?.scrollIntoView({ block: "center" });
  }

  #paint() {
    if (!CSS.highlights) return; // an older browser counts and scrolls, but paints nothing
    const current = this.#matches[this.#current];
    const highlight = new Highlight(...(current ? [current] : []));
    highlight.priority = 1;
    CSS.highlights.set("found", new Highlight(...this.#matches));
    CSS.highlights.set("found-now", highlight);
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

/** @param {Element} paragraph @returns {Text[]} Its words, without times, the speaker and what was left out. */
function textNodes(paragraph) {
  const nodes = [];
  const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement?.closest("a, .speaker, details")) nodes.push(/** @type {Text} */ (node));
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
