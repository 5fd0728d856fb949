/** The address of the library page: it holds search, filters and order, so that Back works and links can be sent. */

/**
 * @typedef {"kept" | "shared" | "trash"} View
 * @typedef {Object} ListState
 * @property {View} view
 * @property {string} q
 * @property {string} sort Empty for the usual order: by relevance with words, else the newest first.
 * @property {string} folder
 * @property {string} tag
 * @property {string} language
 * @property {string} favourite "true", or empty.
 */

/** The filters: their names in the address and in the API are the same. */
export const FILTERS = /** @type {const} */ (["folder", "tag", "language", "favourite"]);
const NAMES = /** @type {const} */ (["q", "sort", ...FILTERS]);

/** @param {string} search Of an address, such as `?q=harbour`. @returns {ListState} */
export function readState(search) {
  const given = new URLSearchParams(search);
  const view = given.get("view");
  const state = { view: view === "shared" || view === "trash" ? view : "kept" };
  const values = NAMES.map((name) => [name, given.get(name) ?? ""]);
  return /** @type {ListState} */ ({ ...state, ...Object.fromEntries(values) });
}

/** @param {ListState} state @returns {string} The address of a state, without what is not asked for. */
export function addressOf(state) {
  const written = new URLSearchParams();
  if (state.view !== "kept") written.set("view", state.view);
  for (const name of NAMES) if (state[name]) written.set(name, state[name]);
  const search = written.toString();
  return search ? `${location.pathname}?${search}` : location.pathname;
}

/** @param {ListState} state @returns {URLSearchParams} The same question to the API. */
export function queryOf(state) {
  const query = new URLSearchParams();
  const q = state.q.trim();
  if (q) query.set("q", q);
  query.set("sort", state.sort || (q ? "relevance" : "newest"));
  if (state.view === "trash") query.set("deleted", "true");
  else for (const name of FILTERS) if (state[name]) query.set(name, state[name]);
  return query;
}
