/** Finding words in a long transcript. Matches are painted, not wrapped: the text itself is never touched. */
import { byId } from "../core/dom.js";

const MOST = 2000;

export class Find {
  /** @type {Range[]} */
  #ranges = [];
  #at = -1;

  /** @param {HTMLElement} text Where to look. */
  constructor(text) {
    this.text = text;
    this.field = /** @type {HTMLInputElement} */ (byId("find"));
    this.field.addEventListener("input", () => this.#look());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    byId("find-next").addEventListener("click", () => this.#go(1));
    byId("find-previous").addEventListener("click", () => this.#go(-1));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#go(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && !this.field.value) this.field.blur();
  }

  /** The text has come, or is another one: looks for what was typed by now. */
  again() {
    if (this.field.value) this.#look();
  }

  #look() {
    const words = this.field.value.trim().toLowerCase();
    this.#ranges = words ? [...this.#matches(words)] : [];
    this.#at = -1;
    this.#paint();
    this.#tell(words);
    if (this.#ranges.length) this.#go(1);
  }

  /** @param {string} words @returns {Generator<Range>} */
  *#matches(words) {
    const walker = document.createTreeWalker(this.text, NodeFilter.SHOW_TEXT);
    let found = 0;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement?.closest("a")) continue; // times are no words
      const within = (node.nodeValue ?? "").toLowerCase();
      for (let at = within.indexOf(words); at >= 0; at = within.indexOf(words, at + words.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, Math.min(at + words.length, node.nodeValue?.length ?? 0));
        yield range;
        found += 1;
        if (found >= MOST) return;
      }
    }
  }

  /** @param {number} by */
  #go(by) {
    const count = this.#ranges.length;
    if (!count) return;
    this.#at = (this.#at + by + count) % count;
    this.#paint();
    this.#tell(this.field.value);
    this.#ranges[this.#at].startContainer.parentElement?.scrollIntoView({ block: "center" });
  }

  #paint() {
    if (!CSS.highlights) return; // an older browser still counts and jumps
    CSS.highlights.set("found", new Highlight(...this.#ranges));
    const now = this.#ranges[this.#at];
    CSS.highlights.set("found-now", new Highlight(...(now ? [now] : [])));
    /** @type {Highlight} */ (CSS.highlights.get("found-now")).priority = 1;
  }

  /** @param {string} words */
  #tell(words) {
    const count = this.#ranges.length;
    byId("found").textContent = !words
      ? ""
      : count
        ? `${this.#at + 1} of ${count}${count === MOST ? "+" : ""}`
        : "None";
    byId("find-next").hidden = byId("find-previous").hidden = count < 2;
  }
}
