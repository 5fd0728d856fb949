/** The parts of one recording, kept in IndexedDB until it is complete, and in memory where that is blocked or full. */

const DATABASE = "recorder";
const STORE = "parts";
const LOCK = "recorder";

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class RecordedParts {
  #name = "";
  /** @type {Blob[]} */
  #parts = [];
  #release = () => {};
  #isStored = false;
  /** @type {Promise<IDBDatabase | null>} */
  #database = this.#open();

  /** @returns {Promise<IDBDatabase | null>} */
  async #open() {
    try {
      const opening = indexedDB.open(DATABASE, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true });
      return await settled(opening);
    } catch {
      return null;
    }
  }

  /** @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore | null>} */
  async #store(mode) {
    return (await this.#database)?.transaction(STORE, mode).objectStore(STORE) ?? null;
  }

  /** Begins a recording; an earlier one is dropped. @param {string} name Of its file. */
  async begin(name) {
    this.#name = name;
    this.#parts = [];
    this.#isStored = await this.#lock();
    if (this.#isStored) (await this.#store("readwrite").catch(() => null))?.clear();
    await this.#keep(name);
  }

  /**
   * Other tabs see by the lock that the parts belong to a recording that goes on.
   * @returns {Promise<boolean>} False: another tab is recording, and has the store.
   */
  #lock() {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((resolve) => {
      void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
        resolve(Boolean(lock));
        if (!lock) return undefined;
        return new Promise((release) => {
          this.#release = () => release(undefined);
        });
      });
    });
  }

  /** @param {Blob} part */
  async add(part) {
    this.#parts.push(part);
    await this.#keep(part);
  }

  /** @param {string | Blob} value The name comes first. */
  async #keep(value) {
    if (!this.#isStored) return;
    try {
      const store = await this.#store("readwrite");
      if (store) await settled(store.add(value));
    } catch {
      // Storage is full: the parts are in memory.
    }
  }

  /** @returns {Promise<boolean>} Whether parts are here that no open page is recording. */
  async areOfNobody() {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    if (held.some(({ name }) => name === LOCK)) return false;
    const store = await this.#store("readonly").catch(() => null);
    return Boolean(store && (await settled(store.count()).catch(() => 0)) > 1);
  }

  /** @returns {Promise<File | null>} The recording so far, which is forgotten here; null: there is none. */
  async take() {
    let [name, parts] = [this.#name, this.#parts];
    const isOurs = this.#isStored || !parts.length;
    const store = isOurs ? await this.#store("readwrite").catch(() => null) : null;
    if (store && !parts.length) {
      const [stored, ...kept] = await settled(store.getAll());
      name = String(stored ?? "");
      parts = kept;
    }
    store?.clear();
    this.#parts = [];
    this.#release();
    return parts.length ? new File(parts, name, { type: parts[0]?.type }) : null;
  }
}
