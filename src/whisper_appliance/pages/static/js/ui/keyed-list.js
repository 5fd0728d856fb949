/** Keyed list update: one element for each key, which stays and is filled again only when its data changed. */

/** @template Item */
export class KeyedList {
  /** @type {Map<string, {element: HTMLElement, item: Item, shown: string}>} */
  #entries = new Map();
  #create;
  #fill;

  /** @param {{create: (key: string, item: Item) => HTMLElement, fill: (element: HTMLElement, item: Item) => void}} parts */
  constructor({ create, fill }) {
    this.#create = create;
    this.#fill = fill;
  }

  /**
   * @param {string} key
   * @param {Item} item
   * @param {unknown} [context] What else the element shows.
   * @returns {HTMLElement}
   */
  update(key, item, context = null) {
    const shown = JSON.stringify([item, context]);
    const entry = this.#entries.get(key);
    const element = entry?.element ?? this.#create(key, item);
    this.#entries.set(key, { element, item, shown });
    if (entry?.shown !== shown) this.#fill(element, item);
    return element;
  }

  /** @param {string} key @returns {Item} The latest data of an element. */
  item(key) {
    const entry = this.#entries.get(key);
    if (!entry) throw new Error(`There is no ${key} in the list`);
    return entry.item;
  }

  /** @returns {{element: HTMLElement, item: Item}[]} */
  entries() {
    return [...this.#entries.values()];
  }

  /** Removes all others. @param {Set<string>} keys */
  retain(keys) {
    for (const [key, { element }] of this.#entries) {
      if (keys.has(key)) continue;
      element.remove();
      this.#entries.delete(key);
    }
  }
}
