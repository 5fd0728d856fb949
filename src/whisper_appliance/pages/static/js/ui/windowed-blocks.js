/**
 * Blocks of unequal height, of which only those near the viewport are filled (windowing). An empty block keeps its
 * height, so nothing moves. A block stays filled while somebody is at work in it: it, or its neighbour, has the
 * focus, or it is selected. What is printed or copied is filled before.
 */

import { element } from "../core/dom.js";

const NEAR = "1200px 0px";
const KEEPS_PLACE = globalThis.CSS?.supports?.("overflow-anchor", "auto") ?? true;

/**
 * @typedef {{key: string, pixels: number, source: readonly unknown[], render: () => Node[]}} Content `key` names it when
 *   the list is shown again, `pixels` is its height as far as that is known beforehand, `source` is all that it shows:
 *   while that is the same, it stays in the page as it is.
 * @typedef {Content & {element: HTMLElement, isNear: boolean, isFilled: boolean}} Block
 */

export class WindowedBlocks {
  /** @type {Block[]} */
  #blocks = [];
  /** @type {Map<string, number>} The heights of blocks that were filled once, by their key. */
  #heights = new Map();
  #width = 0;

  /** @param {HTMLElement} place @param {() => void} onFilled Called after blocks were put into the page. */
  constructor(place, onFilled) {
    this.place = place;
    this.onFilled = onFilled;
    this.observer = new IntersectionObserver((entries) => this.#onNear(entries), { rootMargin: NEAR });
    addEventListener("beforeprint", () => this.#fillWhere(() => true));
    addEventListener("afterprint", () => this.#emptyFar());
    document.addEventListener("copy", () => this.#fillWhere(isSelected));
    addEventListener("resize", () => this.#onResize());
  }

  /** Whether all of it is in the page, so that the browser's own search finds everything. */
  get isWhole() {
    return this.#blocks.every(({ isFilled }) => isFilled);
  }

  /** Shows other contents, filled in the places that were filled before. @param {Content[]} contents */
  show(contents) {
    const filled = this.#blocks.flatMap(({ isFilled }, index) => (isFilled ? [index] : []));
    for (const index of filled) this.#remember(this.#blocks[index]);
    this.observer.disconnect();
    const before = new Map(
      this.#blocks.filter(({ isFilled }) => isFilled).map((block) => [block.key, block]),
    );
    this.#blocks = contents.map((content) => {
      const kept = before.get(content.key);
      if (kept && isSame(kept.source, content.source))
        return { ...content, element: kept.element, isNear: false, isFilled: true };
      const block = element("div", undefined, "block");
      block.style.blockSize = this.#size(content);
      return { ...content, element: block, isNear: false, isFilled: false };
    });
    for (const index of filled.length ? filled : [0]) this.#fill(this.#blocks[index]);
    this.#arrange();
    if (!filled.length) this.#learnScale();
    for (const block of this.#blocks) this.observer.observe(block.element);
    this.onFilled();
  }

  /** Puts the blocks into the page in their order. One that is there already is not moved, so that it keeps the focus. */
  #arrange() {
    const wanted = new Set(this.#blocks.map((block) => /** @type {Node} */ (block.element)));
    for (const child of [...this.place.childNodes]) if (!wanted.has(child)) child.remove();
    for (const [index, { element: block }] of this.#blocks.entries()) {
      const there = this.place.children[index] ?? null;
      if (there !== block) this.place.insertBefore(block, there);
    }
  }

  /** Puts a block into the page. @param {number} index */
  fill(index) {
    const block = this.#blocks[index];
    if (this.#fill(block)) this.onFilled();
  }

  /** @param {Block | undefined} block @returns {boolean} Whether it was empty. */
  #fill(block) {
    if (!block || block.isFilled) return false;
    block.isFilled = true;
    block.element.append(...block.render());
    block.element.style.blockSize = "";
    return true;
  }

  /** @param {(block: HTMLElement) => boolean} isWanted */
  #fillWhere(isWanted) {
    const wanted = this.#blocks.filter((block) => isWanted(block.element));
    if (wanted.filter((block) => this.#fill(block)).length) this.onFilled();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onNear(entries) {
    let hasFilled = false;
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const block = this.#blocks.find((each) => each.element === target);
      if (!block) continue;
      block.isNear = isIntersecting;
      if (!isIntersecting || !this.#fill(block)) continue;
      hasFilled = true;
      if (!KEEPS_PLACE && boundingClientRect.bottom <= 0)
        scrollBy({ top: block.element.offsetHeight - boundingClientRect.height, behavior: "instant" });
    }
    if (hasFilled) this.onFilled();
    this.#emptyFar();
  }

  #emptyFar() {
    const at = this.#blocks.findIndex((block) => block.element.contains(document.activeElement));
    this.#blocks.forEach((block, index) => {
      const isInUse = (at >= 0 && Math.abs(index - at) <= 1) || isSelected(block.element);
      if (block.isNear || !block.isFilled || isInUse) return;
      this.#remember(block);
      block.element.style.blockSize = this.#size(block);
      block.element.replaceChildren();
      block.isFilled = false;
    });
  }

  /** @param {Block | undefined} block */
  #remember(block) {
    if (block) this.#heights.set(block.key, block.element.offsetHeight);
  }

  /** @param {Content} content @returns {string} */
  #size({ key, pixels }) {
    const known = this.#heights.get(key);
    return known === undefined ? `calc(${pixels}px * var(--height-scale, 1))` : `${known}px`;
  }

  /** Corrects the heights of empty blocks by that of a filled one, because rows depend on the width of the page. */
  #learnScale() {
    this.#width = this.place.clientWidth;
    const filled = this.#blocks.find(({ isFilled }) => isFilled);
    const height = filled?.element.offsetHeight;
    if (height) this.place.style.setProperty("--height-scale", String(height / filled.pixels));
  }

  #onResize() {
    if (this.place.clientWidth === this.#width) return;
    this.#heights.clear();
    for (const block of this.#blocks) if (!block.isFilled) block.element.style.blockSize = this.#size(block);
    this.#learnScale();
  }
}

/** @param {readonly unknown[]} one @param {readonly unknown[]} other */
const isSame = (one, other) => one.length === other.length && one.every((part, at) => part === other[at]);

/** @param {HTMLElement} block @returns {boolean} Whether a part of it is selected, or a selection can begin in it. */
function isSelected(block) {
  const selection = getSelection();
  return Boolean(selection?.rangeCount && selection.getRangeAt(0).intersectsNode(block));
}
