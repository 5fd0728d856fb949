/**
 * The parts of recordings, kept in IndexedDB until the appliance has the recording, and in memory where that is blocked
 * or full. A tab holds a lock for each recording that it makes or sends, so that no other tab takes it. The id of a
 * recording begins with the user who made it, so that it is offered to no other user of this browser.
 */

import { acquire, settled } from "../core/browser-store.js";

const DATABASE = "recordings";
const STORE = "parts";

/**
 * @typedef {import("./job-list.js").KeptFile} Recording
 * @typedef {[recording: string, place: number]} Key At place 0 is the name of the file.
 */

/** @param {string} id */
const lockOf = (id) => `${DATABASE} ${id}`;
/** @param {string} id */
const allOf = (id) => IDBKeyRange.bound([id], [id, Number.POSITIVE_INFINITY]);

export class RecordedParts {
  /** @type {{id: string, name: string, parts: Blob[], release: (() => void) | null} | null} Null: nothing is recorded now. */
  #current = null;
  /** @type {Promise<IDBDatabase | null>} */
  #database = this.#open();

  /** @param {string} user Id of the user; empty: nobody is signed in. */
  constructor(user) {
    this.user = user;
  }

  /** @returns {Promise<IDBDatabase | null>} */
  async #open() {
    try {
      const opening = indexedDB.open(DATABASE, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      return await settled(opening);
    } catch {
      return null;
    }
  }

  /** @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore | null>} */
  async #store(mode) {
    return (await this.#database)?.transaction(STORE, mode).objectStore(STORE) ?? null;
  }

  /** Begins a recording. @param {string} name Of its file. */
  async begin(name) {
    const id = [this.user, crypto.randomUUID()].filter(Boolean).join(".");
    this.#current = { id, name, parts: [], release: await acquire(lockOf(id)) };
    await this.#keep(name);
  }

  /** @param {Blob} part */
  async add(part) {
    this.#current?.parts.push(part);
    await this.#keep(part);
  }

  /** @param {string | Blob} value The name comes first. */
  async #keep(value) {
    if (!this.#current?.release) return; // another tab would take it for an interrupted one
    const { id, parts } = this.#current;
    const key = [id, parts.length];
    try {
      const store = await this.#store("readwrite");
      if (store) await settled(store.put(value, key));
    } catch {
      // Storage is full: the parts are in memory.
    }
  }

  /** Ends the recording. @returns {Recording | null} Null: nothing was recorded. */
  end() {
    if (!this.#current) return null;
    const { id, name, parts, release } = this.#current;
    this.#current = null;
    return this.#recording(id, name, parts, release);
  }

  /** @param {string} id @param {string} name @param {Blob[]} parts @param {(() => void) | null} release @returns {Recording | null} */
  #recording(id, name, parts, release) {
    const forget = () => void this.#forget(id).finally(() => release?.());
    if (parts.length) return { file: new File(parts, name, { type: parts[0]?.type }), uploadKey: id, forget };
    forget();
    return null;
  }

  /** @param {string} id */
  async #forget(id) {
    try {
      const store = await this.#store("readwrite");
      if (store) await settled(store.delete(allOf(id)));
    } catch {
      // Storage is blocked: nothing is there.
    }
  }

  /** @returns {Promise<string[]>} The user's recordings of which parts are here, also those of other tabs. */
  async #kept() {
    try {
      const store = await this.#store("readonly");
      const keys = /** @type {Key[]} */ (store ? await settled(store.getAllKeys()) : []);
      const isMine = (/** @type {string} */ id) => !id.includes(".") || id.startsWith(`${this.user}.`);
      return keys.filter(([id, place]) => place === 1 && isMine(id)).map(([id]) => id);
    } catch {
      return [];
    }
  }

  /** @returns {Promise<boolean>} Whether a recording is here that no open page makes or sends. */
  async hasInterrupted() {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    const names = new Set(held.map(({ name }) => name));
    return (await this.#kept()).some((id) => !names.has(lockOf(id)));
  }

  /** @returns {Promise<Recording[]>} Those that no open page makes or sends; from now on this one does. */
  async takeInterrupted() {
    const found = [];
    for (const id of await this.#kept()) {
      const release = await acquire(lockOf(id));
      const recording = release && (await this.#read(id, release));
      if (recording) found.push(recording);
    }
    return found;
  }

  /** @param {string} id @param {() => void} release @returns {Promise<Recording | null>} */
  async #read(id, release) {
    try {
      const store = await this.#store("readonly");
      const [name, ...parts] = store ? await settled(store.getAll(allOf(id))) : [];
      return this.#recording(id, String(name), parts, release);
    } catch {
      release();
      return null;
    }
  }
}
