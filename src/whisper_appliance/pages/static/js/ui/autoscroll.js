/** Autoscroll: keeps the end of growing text in view until the reader scrolls up. */
import { makeScrollFocusable } from "../core/dom.js";

const NEAR_END_PIXELS = 64;

/** @param {HTMLElement} box @param {number} [pixels] */
export function isNearEnd(box, pixels = NEAR_END_PIXELS) {
  return box.scrollHeight - box.scrollTop - box.clientHeight < pixels;
}

/** @param {HTMLElement} box */
export function scrollToEnd(box) {
  box.scrollTop = box.scrollHeight;
}

/** Autoscroll with a button that leads back to the end. */
export class Autoscroll {
  #following = true;
  #height = 0;

  /** @param {HTMLElement} box What scrolls. @param {HTMLElement} button */
  constructor(box, button) {
    this.box = box;
    this.button = button;
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    button.addEventListener("click", () => {
      this.scrollToEnd();
      box.focus({ preventScroll: true });
    });
    const sizes = new ResizeObserver(() => this.update());
    for (const each of [box, ...box.children]) sizes.observe(each);
  }

  /** To be called when the text has grown; a changed size of the box is observed. */
  update() {
    if (this.#following) this.scrollToEnd();
    makeScrollFocusable(this.box);
  }

  scrollToEnd() {
    this.#following = true;
    this.#height = this.box.scrollHeight;
    this.box.scrollTop = this.#height;
    this.button.hidden = true;
  }

  #onScroll() {
    // A changed height means that the layout scrolled, not the reader.
    if (this.#following && this.box.scrollHeight !== this.#height) return this.scrollToEnd();
    this.#following = isNearEnd(this.box);
    this.button.hidden = this.#following;
  }
}
