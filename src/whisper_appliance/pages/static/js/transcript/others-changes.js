/** Marks the lines that others have just changed, and says who it was. */

import { all, byId, element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t, tn } from "../core/i18n.js";

const MARKED_SECONDS = 10;

/** @typedef {import("./edits.js").Change} Change */

/** @param {readonly Pick<Change, "author">[]} changes @returns {string} Who made them, as far as that is known. */
export function authorOf(changes) {
  const authors = new Set(changes.map(({ author }) => author ?? ""));
  const [author] = authors;
  return authors.size === 1 && author ? author : t("Somebody");
}

export class OthersChanges {
  /** @type {Set<string>} Keys of segments. */
  #marked = new Set();

  /**
   * @param {import("./transcript-lines.js").TranscriptLines} lines
   * @param {(line: HTMLElement) => string | undefined} keyOf The key of a line's segment.
   */
  constructor(lines, keyOf) {
    this.lines = lines;
    this.keyOf = keyOf;
    lines.addEventListener("filled", () => this.#mark());
  }

  /** @param {readonly Change[]} changes */
  show(changes) {
    const added = changes.flatMap(({ hunks }) => hunks.flatMap((hunk) => hunk.added));
    const keys = [...new Set(added.map(({ key }) => key))];
    for (const key of keys) this.#marked.add(key);
    this.#mark();
    setTimeout(() => {
      for (const key of keys) this.#marked.delete(key);
      this.#mark();
    }, MARKED_SECONDS * 1000);
    byId("others-state").replaceChildren(element("span", this.#sentence(authorOf(changes), added)));
  }

  /** @param {readonly {author?: string | null, start: number}[]} notes New ones of others. */
  showNotes(notes) {
    const [first] = notes;
    if (!first) return;
    const author = first.author ?? t("Somebody");
    const time = clock(first.start);
    byId("others-state").replaceChildren(
      element("span", t("{author} wrote a note at {time}.", { author, time })),
    );
  }

  /** @param {string} author @param {{key: string, start: number}[]} added @returns {string} */
  #sentence(author, added) {
    const count = new Set(added.map(({ key }) => key)).size;
    if (!count) return t("{author} deleted words.", { author });
    if (count > 1)
      return tn("{author} changed {count} line.", "{author} changed {count} lines.", count, { author });
    return t("{author} changed the line at {time}.", { author, time: clock(added[0]?.start ?? 0) });
  }

  #mark() {
    for (const line of all(this.lines.place, ".line[id]"))
      line.classList.toggle("changed", this.#marked.has(this.keyOf(line) ?? ""));
  }
}
