/** The audit log: filtered by the appliance, page by page. */
import { ask } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { counted } from "../core/format.js";
import { moment } from "../core/datetime.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";

/**
 * @typedef {{number: number, time: string, actor: string, actor_name: string, address: string, action: string,
 *   object: string, details: Record<string, unknown>}} Record_
 */

const PAGE = 100;
const TYPING_MILLISECONDS = 250;
const form = /** @type {HTMLFormElement} */ (byId("wanted"));
/** @type {Record_[]} */
let records = [];
/** @type {number | null} */
let next = null;

/** @param {Record_} record */
function about({ object, details }) {
  const facts = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  const box = element("span", facts.join(", "));
  if (object)
    box.append(
      facts.length ? " " : "",
      Object.assign(element("code", object.slice(0, 8)), { title: object }),
    );
  return box;
}

const table = new Table(/** @type {HTMLTableElement} */ (byId("records")), {
  columns: [
    { title: "When", show: (record) => moment(record.time) },
    { title: "Who", show: (record) => record.actor_name },
    { title: "What", show: (record) => element("code", record.action) },
    { title: "About", show: about },
    { title: "From", show: (record) => record.address },
  ],
  key: (/** @type {Record_} */ record) => String(record.number),
  empty: "Nothing like this was done.",
});

function wanted() {
  const set = [...new FormData(form)]
    .map(([name, value]) => [name, String(value)])
    .filter(([, value]) => value);
  return new URLSearchParams(set);
}

/** @param {boolean} more Goes on where the list ends. */
async function load(more) {
  const query = wanted();
  /** @type {HTMLAnchorElement} */ (byId("csv")).href = `/api/admin/audit.csv?${query}`;
  query.set("limit", String(PAGE));
  if (more && next) query.set("before", String(next));
  const page = await ask(`/api/admin/audit?${query}`);
  records = more ? [...records, ...page.records] : page.records;
  next = page.next;
  table.show(records);
  byId("more").hidden = !next;
  byId("count").textContent = records.length ? counted(records.length, "record") : "";
  offer(page.actions);
}

/** @param {string[]} actions What can be chosen: each, and what several begin with. */
function offer(actions) {
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem("action"));
  const all = [...new Set([...actions.map((each) => each.split(".")[0]), ...actions])].toSorted();
  if (select.options.length === all.length + 1) return;
  const chosen = select.value;
  select.replaceChildren(new Option("Everything", ""), ...all.map((each) => new Option(each, each)));
  select.value = chosen;
}

startPanel();
const refresh = keepFresh(() => load(false), 0);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => void refresh(), TYPING_MILLISECONDS);
});
byId("more").addEventListener("click", () => void load(true).catch((error) => showProblem(error)));
