/** The title of the tab, with a word about the work before it. */
export class TabTitle {
  #plain = document.title;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#isDone) this.rest("");
    });
  }

  #isDone = false;

  /** @param {string} words How far the work is. */
  work(words) {
    this.#show(words, false);
  }

  /** @param {string} words What somebody sees who comes back to the tab; "" for nothing. */
  rest(words) {
    this.#show(words, Boolean(words));
  }

  /** @param {string} words @param {boolean} isDone */
  #show(words, isDone) {
    this.#isDone = isDone;
    document.title = words ? `${words} · ${this.#plain}` : this.#plain;
  }
}
