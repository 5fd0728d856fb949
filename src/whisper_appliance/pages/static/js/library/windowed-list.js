/**
 * A long list of which only the part near the viewport is in the page (windowing). It consists of blocks, which
 * are loaded when they come near. A block that is far away is emptied and keeps its height, so nothing moves.
 */

import { all, element } from "../core/dom.js";

const ROWS_PER_BLOCK = 60; // full lines of two to six cards
const NEAR = "1200px 0px";
const SETTLE_MILLISECONDS = 60; // blocks that a fast scroll passes are not loaded

/**
 * @template T
 * @typedef {{transcripts: T[], total: number}} Part
 */
/**
 * @template T
 * @typedef {{element: HTMLUListElement, rows: T[], before: T | null, generation: number, isNear: boolean,
 *   pending: {generation: number, part: Promise<Part<T>>} | null}} Block
 */
/** @typedef {{index: number, top: number}} Place The first row in view, and how far from the top it is in pixels. */

/** @template T What a row shows. */
export class WindowedList {
  #generation = 0;
  #loading = new AbortController();
  /** @type {Block<T>[]} */
  #blocks = [];
  #total = 0;

  /**
   * @param {HTMLElement} container
   * @param {Object} parts
   * @param {(offset: number, limit: number, signal: AbortSignal) => Promise<Part<T>>} parts.fetchPart
   * @param {(item: T, index: number, before: T | null) => HTMLElement[]} parts.render The row is the last one.
   * @param {(error: unknown) => void} parts.onFailed Called when a part could not be loaded.
   */
  constructor(container, { fetchPart, render, onFailed }) {
    this.container = container;
    this.fetchPart = fetchPart;
    this.render = render;
    this.onFailed = onFailed;
    this.observer = new IntersectionObserver((entries) => this.#onNear(entries), { rootMargin: NEAR });
  }

  get total() {
    return this.#total;
  }

  /**
   * Loads the list, at a place of it. What is shown stays until its successor is there.
   * @param {Place | null} place
   * @returns {Promise<Part<T> | null>} The first part that was loaded; null if another load began meanwhile.
   */
  async load(place) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    const index = Math.floor((place?.index ?? 0) / ROWS_PER_BLOCK);
    let part;
    let last;
    try {
      part = await this.#fetch(index, signal);
      last = Math.max(0, Math.ceil(part.total / ROWS_PER_BLOCK) - 1);
      if (index > last) part = await this.#fetch(last, signal); // it became shorter
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
    if (signal.aborted) return null;
    this.#generation += 1;
    this.#setTotal(part.total);
    const first = this.#blocks[Math.min(index, last)];
    if (first) {
      first.isNear = true;
      this.#fill(first, part);
    }
    for (const block of this.#blocks) if (block.isNear) void this.#load(block);
    if (place) this.#scrollTo(place);
    return part;
  }

  /** @returns {Place | null} Null for an empty list. */
  get place() {
    for (const row of all(this.container, ".row:not(.skeleton)")) {
      const { top, bottom } = row.getBoundingClientRect();
      if (bottom > 0) return { index: indexOf(row), top: Math.round(top) };
    }
    return null;
  }

  /** @param {number} index @returns {Promise<HTMLElement | undefined>} The row, loaded and in the page. */
  async rowAt(index) {
    const block = this.#blocks[Math.floor(index / ROWS_PER_BLOCK)];
    if (!block) return undefined;
    block.isNear = true;
    await this.#load(block);
    return all(block.element, ".row")[index % ROWS_PER_BLOCK];
  }

  /** @param {number} from @param {number} to Included. @returns {Promise<T[]>} What these rows show, loaded where it is missing. */
  async items(from, to) {
    /** @type {T[]} */
    const items = [];
    const first = Math.floor(from / ROWS_PER_BLOCK);
    for (const block of this.#blocks.slice(first, Math.floor(to / ROWS_PER_BLOCK) + 1)) {
      await this.#read(block);
      items.push(...block.rows);
    }
    return items.slice(from - first * ROWS_PER_BLOCK, to + 1 - first * ROWS_PER_BLOCK);
  }

  /** @param {number} index Of a block. @param {AbortSignal} signal With the row before it, where there is one. */
  #fetch(index, signal) {
    const extra = index ? 1 : 0;
    return this.fetchPart(index * ROWS_PER_BLOCK - extra, ROWS_PER_BLOCK + extra, signal);
  }

  /** @param {number} total */
  #setTotal(total) {
    this.#total = total;
    if (!this.#blocks.length) this.container.replaceChildren(); // skeletons
    const count = Math.ceil(total / ROWS_PER_BLOCK);
    for (const { element: left } of this.#blocks.splice(count)) {
      this.observer.unobserve(left);
      left.remove();
    }
    while (this.#blocks.length < count) {
      const added = element("ul", undefined, "rows block");
      added.setAttribute("role", "presentation"); // the rows belong to the list around it
      this.#blocks.push({
        element: added,
        rows: [],
        before: null,
        generation: 0,
        isNear: false,
        pending: null,
      });
      this.container.append(added);
      this.observer.observe(added);
    }
    this.#blocks.forEach(({ element: block }, index) => {
      block.style.setProperty("--rows", String(Math.min(ROWS_PER_BLOCK, total - index * ROWS_PER_BLOCK)));
    });
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onNear(entries) {
    for (const { target, isIntersecting } of entries) {
      const block = this.#blocks.find(({ element: each }) => each === target);
      if (!block) continue;
      block.isNear = isIntersecting;
      if (!isIntersecting) this.#empty(block);
      else if (block.generation === this.#generation) this.#show(block);
      else setTimeout(() => block.isNear && void this.#load(block), SETTLE_MILLISECONDS);
    }
  }

  /** @param {Block<T>} block */
  async #load(block) {
    try {
      if (!(await this.#read(block))) return;
      if (block.isNear) this.#show(block);
    } catch (error) {
      if (!this.#loading.signal.aborted) this.onFailed(error);
    }
  }

  /** Reads what a block shows, unless it is there. @param {Block<T>} block @returns {Promise<boolean>} Whether it is still wanted. */
  async #read(block) {
    if (block.generation === this.#generation) return true;
    if (block.pending?.generation !== this.#generation) {
      const part = this.#fetch(this.#blocks.indexOf(block), this.#loading.signal);
      block.pending = { generation: this.#generation, part };
    }
    const { generation, part } = block.pending;
    try {
      const read = await part;
      if (generation !== this.#generation) return false;
      if (read.total !== this.#total) this.#setTotal(read.total);
      if (block.generation !== generation) this.#fill(block, read);
      return true;
    } finally {
      block.pending = null;
    }
  }

  /** @param {Block<T>} block @param {Part<T>} part */
  #fill(block, { transcripts }) {
    const isFirst = block === this.#blocks[0];
    block.rows = isFirst ? transcripts : transcripts.slice(1);
    block.before = isFirst ? null : (transcripts[0] ?? null);
    block.generation = this.#generation;
    const focused = block.element.contains(document.activeElement) ? document.activeElement : null;
    const id = /** @type {HTMLElement | undefined} */ (focused?.closest(".row"))?.dataset.id;
    block.element.replaceChildren();
    if (!block.isNear) return;
    this.#show(block);
    if (!id) return;
    const row = all(block.element, ".row").find((each) => each.dataset.id === id);
    (row ?? block.element).querySelector("a")?.focus({ preventScroll: true });
  }

  /** @param {Block<T>} block */
  #show(block) {
    if (block.element.childElementCount) return;
    const first = this.#blocks.indexOf(block) * ROWS_PER_BLOCK;
    block.rows.forEach((item, place) => {
      const before = place ? (block.rows[place - 1] ?? null) : block.before;
      const nodes = this.render(item, first + place, before);
      const row = nodes.at(-1);
      row?.setAttribute("role", "listitem");
      row?.setAttribute("aria-posinset", String(first + place + 1));
      row?.setAttribute("aria-setsize", String(this.#total));
      block.element.append(...nodes);
    });
    block.element.style.blockSize = "";
    const height = block.element.offsetHeight / block.rows.length;
    if (height) this.container.style.setProperty("--row-height", `${height}px`);
  }

  /** Takes the rows out of the page, unless somebody is at work in them. @param {Block<T>} block */
  #empty({ element: block }) {
    if (!block.childElementCount || block.contains(document.activeElement)) return;
    block.style.blockSize = `${block.offsetHeight}px`;
    block.replaceChildren();
  }

  /** @param {Place} place */
  #scrollTo({ index, top }) {
    const rows = all(this.container, ".row");
    const row = rows.find((each) => indexOf(each) === index) ?? rows.at(-1);
    if (row) scrollBy({ top: row.getBoundingClientRect().top - top, behavior: "instant" });
  }
}

/** @param {Element} row @returns {number} Its place in the whole list, from 0. */
export const indexOf = (row) => Number(row.getAttribute("aria-posinset")) - 1;
