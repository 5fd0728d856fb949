/** The list of microphones and other sound sources; the browser keeps the choice. */
import { readStored, writeStored } from "../core/storage.js";

const STORAGE_KEY = "live-source";

export const storedSource = () => readStored(STORAGE_KEY, "");

/** @param {string} id */
export const storeSource = (id) => writeStored(STORAGE_KEY, id);

/** @param {HTMLSelectElement} select @param {{id: string, label: string}[]} sources */
export function showSources(select, sources) {
  const wanted = select.value || storedSource();
  select.replaceChildren(...sources.map(({ id, label }) => new Option(label, id)));
  select.value = sources.some(({ id }) => id === wanted) ? wanted : "";
}
