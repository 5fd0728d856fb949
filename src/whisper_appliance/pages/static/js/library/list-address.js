/** The address of the library page: it holds search, filters and order, so that Back works and links can be sent. */

/**
 * @typedef {"kept" | "shared" | "trash"} View
 * @typedef {typeof FILTERS[number]} FilterName
 * @typedef {Record<FilterName, string> & {view: View, q: string, sort: string}} ListState
 *   `sort` is empty for the usual order: by relevance with words, else the newest first. A filter that is not
 *   set is empty. `from` and `until` are days, both included; `length` is "60-300" in seconds.
 */

export const FILTERS = /** @type {const} */ ([
  "folder",
  "tag",
  "language",
  "speaker",
  "model",
  "source",
  "length",
  "from",
  "until",
  "favourite",
  "edited",
  "doubtful",
]);
const NAMES = /** @type {const} */ (["q", "sort", ...FILTERS]);
/** Those with another name or form in the API. */
const OWN_FORM = ["length", "from", "until"];

/** @param {string} search Of an address, such as `?q=harbour`. @returns {ListState} */
export function readState(search) {
  const given = new URLSearchParams(search);
  const view = given.get("view");
  const state = { view: view === "shared" || view === "trash" ? view : "kept" };
  const values = NAMES.map((name) => [name, given.get(name) ?? ""]);
  return /** @type {ListState} */ ({ ...state, ...Object.fromEntries(values) });
}

/** @param {ListState} state @returns {string} The address of a state, without the filters that are not set. */
export function addressOf(state) {
  const written = new URLSearchParams();
  if (state.view !== "kept") written.set("view", state.view);
  for (const name of NAMES) if (state[name]) written.set(name, state[name]);
  const search = written.toString();
  return search ? `${location.pathname}?${search}` : location.pathname;
}

/** @param {ListState} state @returns {string} As in the API. */
export const sortOf = ({ q, sort }) => sort || (q.trim() ? "relevance" : "newest");

/** @param {ListState} state @returns {URLSearchParams} The same question to the API. */
export function queryOf(state) {
  const query = new URLSearchParams();
  const q = state.q.trim();
  if (q) query.set("q", q);
  query.set("sort", sortOf(state));
  if (state.view === "trash") query.set("deleted", "true");
  else if (state.view === "shared") {
    query.set("shared", "only");
    if (state.folder) query.set("folder", state.folder);
  } else {
    if (q && !state.folder) query.set("shared", "too"); // a search finds what others shared as well
    addFilters(query, state);
  }
  return query;
}

/** @param {URLSearchParams} query @param {ListState} state */
function addFilters(query, state) {
  for (const name of FILTERS) if (state[name] && !OWN_FORM.includes(name)) query.set(name, state[name]);
  const [least, most] = state.length.split("-");
  if (least) query.set("min_seconds", least);
  if (most) query.set("max_seconds", most);
  const from = dayStart(state.from);
  const until = dayStart(state.until, 1);
  if (from) query.set("created_from", from);
  if (until) query.set("created_until", until);
}

/** @param {string} day Such as 2026-03-01. @param {number} [later] Days after it. @returns {string} When it begins here, in UTC; empty for no day. */
function dayStart(day, later = 0) {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const start = new Date(year, month - 1, date + later);
  return day && !Number.isNaN(start.getTime()) ? start.toISOString() : "";
}
