/** Streaming text: segments are inserted by their start times, because windows finish in any order. */
import { element, makeScrollFocusable } from "../core/dom.js";
import { isNearEnd, scrollToEnd } from "../ui/autoscroll.js";

const NEAR_END_PIXELS = 48;

export class StreamingText {
  /** @type {number[]} Start times of the segments that are shown, ascending. */
  #starts = [];

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.paragraph = element("p");
    box.replaceChildren(this.paragraph);
  }

  get text() {
    return this.paragraph.textContent?.trim() ?? "";
  }

  /** Inserts segments; one that is already shown stays as it is. @param {{start: number, text: string}[]} segments */
  add(segments) {
    const follows = isNearEnd(this.box, NEAR_END_PIXELS);
    for (const { start, text } of segments) this.#insert(start, text);
    this.box.hidden = !this.#starts.length;
    if (follows) scrollToEnd(this.box);
    this.#updateRole();
  }

  /** Shows the finished text from its first line. @param {string} text */
  finish(text) {
    this.#starts = [];
    this.paragraph.textContent = text;
    this.box.hidden = !text;
    this.box.scrollTop = 0;
    this.#updateRole();
  }

  /** @param {number} start @param {string} text */
  #insert(start, text) {
    const index = insertionIndex(this.#starts, start);
    if (this.#starts[index] === start) return;
    this.#starts.splice(index, 0, start);
    this.paragraph.insertBefore(element("span", text), this.paragraph.childNodes[index] ?? null);
  }

  #updateRole() {
    if (makeScrollFocusable(this.box)) this.box.setAttribute("role", "region");
    else this.box.removeAttribute("role");
  }
}

/** @param {number[]} ascending @param {number} value @returns {number} The index of the first number that is not smaller. */
export function insertionIndex(ascending, value) {
  let index = ascending.length;
  while (index > 0 && /** @type {number} */ (ascending[index - 1]) >= value) index -= 1;
  return index;
}
