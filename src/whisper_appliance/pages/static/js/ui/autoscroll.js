/** Keeps the newest words in sight, until the reader scrolls up; a button leads back to them. */

const NEAR_END_PIXELS = 64;

export class Follow {
  #following = true;
  #height = 0;

  /** @param {HTMLElement} box What scrolls. @param {HTMLElement} button */
  constructor(box, button) {
    this.box = box;
    this.button = button;
    box.addEventListener("scroll", () => this.#look(), { passive: true });
    button.addEventListener("click", () => {
      this.toNewest();
      box.focus({ preventScroll: true });
    });
    const sizes = new ResizeObserver(() => this.grown());
    for (const each of [box, ...box.children]) sizes.observe(each);
  }

  /** There are more words, or less room. */
  grown() {
    if (this.#following) this.toNewest();
    const scrolls = this.box.scrollHeight > this.box.clientHeight + 1;
    if (scrolls)
      this.box.tabIndex = 0; // what scrolls must be reachable by keyboard
    else this.box.removeAttribute("tabindex");
  }

  toNewest() {
    this.#following = true;
    this.#height = this.box.scrollHeight;
    this.box.scrollTop = this.#height;
    this.button.hidden = true;
  }

  #look() {
    if (this.#following && this.box.scrollHeight !== this.#height) return this.toNewest(); // moved by the layout, not by the reader
    this.#following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_END_PIXELS;
    this.button.hidden = this.#following;
  }
}
