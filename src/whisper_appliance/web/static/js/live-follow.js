/** Keeps the newest words in sight, until the reader scrolls up; a button leads back to them. */

const NEAR_END_PIXELS = 64;

export class Follow {
  #following = true;

  /** @param {HTMLElement} box What scrolls. @param {HTMLElement} button */
  constructor(box, button) {
    this.box = box;
    this.button = button;
    box.addEventListener("scroll", () => this.#look(), { passive: true });
    button.addEventListener("click", () => {
      this.toNewest();
      box.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.grown()).observe(box);
  }

  /** There are more words, or less room. */
  grown() {
    if (this.#following) this.toNewest();
    const scrolls = this.box.scrollHeight > this.box.clientHeight + 1;
    if (scrolls) this.box.tabIndex = 0; // what scrolls must be reachable by keyboard
    else this.box.removeAttribute("tabindex");
  }

  toNewest() {
    this.#following = true;
    this.box.scrollTop = this.box.scrollHeight;
    this.button.hidden = true;
  }

  #look() {
    this.#following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_END_PIXELS;
    this.button.hidden = this.#following;
  }
}
