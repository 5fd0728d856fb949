/** Text that grows while its windows finish, in whatever order they do. */
import { element } from "../core/dom.js";

const NEAR_END_PIXELS = 48;

export class GrowingText {
  /** @type {number[]} Start times of the phrases that are shown, ascending. */
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

  /** Adds phrases at their places; one that is there already stays. @param {import("../core/api.js").Segment[]} segments */
  add(segments) {
    const stays = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight > NEAR_END_PIXELS;
    for (const { start, text } of segments) this.#insert(start, text);
    this.box.hidden = !this.#starts.length;
    if (!stays) this.box.scrollTop = this.box.scrollHeight;
    this.#makeReachable();
  }

  /** @param {string} whole Shows a finished text from its first line. */
  finish(whole) {
    this.#starts = [];
    this.paragraph.textContent = whole;
    this.box.hidden = !whole;
    this.box.scrollTop = 0;
    this.#makeReachable();
  }

  /** @param {number} start @param {string} text */
  #insert(start, text) {
    let at = this.#starts.length;
    while (at > 0 && this.#starts[at - 1] >= start) at -= 1;
    if (this.#starts[at] === start) return;
    this.#starts.splice(at, 0, start);
    this.paragraph.insertBefore(element("span", text), this.paragraph.childNodes[at] ?? null);
  }

  /** A box that scrolls must be reachable by keyboard; one that does not should not be a stop. */
  #makeReachable() {
    if (this.box.scrollHeight > this.box.clientHeight + 1) {
      this.box.tabIndex = 0;
      this.box.setAttribute("role", "region");
    } else {
      this.box.removeAttribute("tabindex");
      this.box.removeAttribute("role");
    }
  }
}
