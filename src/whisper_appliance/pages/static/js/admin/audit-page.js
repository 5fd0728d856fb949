/** The audit log: filtered by the server, page by page. */

import { fromRoot } from "../core/addresses.js";
import { request } from "../core/api.js";
import { dayAndTimeCell } from "../core/datetime.js";
import { byId, element, formById, tableById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { Table } from "../ui/table.js";
import { actorOf, detailsOf, wordsOf } from "./audit-actions.js";
import { idCell } from "./cells.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";

const PAGE_SIZE = 100;
const TYPING_MILLISECONDS = 250;

/** @typedef {import("../core/api.js").Responses["GET /api/admin/audit"]["records"][number]} AuditRecord */

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new AuditPage();
}

class AuditPage {
  #form = formById("wanted");
  /** @type {AuditRecord[]} */
  #records = [];
  /** @type {number | null} */
  #next = null;
  /** @type {Table<AuditRecord>} */
  #table = new Table(tableById("records"), {
    columns: [
      { title: t("When"), show: ({ time }) => dayAndTimeCell(time) },
      { title: t("Who"), show: actorOf },
      { title: t("What"), show: actionCell },
      { title: t("About"), show: detailsCell },
      { title: t("From"), show: ({ address }) => address },
    ],
    key: ({ number }) => String(number),
    empty: t("No records match the filter."),
  });

  constructor() {
    const refresh = keepFresh(() => this.#load({ more: false }), 0);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => void refresh(), TYPING_MILLISECONDS);
    });
    byId("more").addEventListener(
      "click",
      () => void this.#load({ more: true }).catch((error) => showProblem(error)),
    );
  }

  /** @param {{more: boolean}} options `more` adds the next page. */
  async #load({ more }) {
    const query = this.#filter();
    /** @type {HTMLAnchorElement} */ (byId("csv")).href = fromRoot(`/api/admin/audit.csv?${query}`);
    query.set("limit", String(PAGE_SIZE));
    if (more && this.#next) query.set("before", String(this.#next));
    const page = await request("GET /api/admin/audit", { query });
    this.#records = more ? [...this.#records, ...page.records] : page.records;
    this.#next = page.next;
    this.#table.show(this.#records);
    byId("more").hidden = !page.next;
    byId("count").textContent = this.#records.length
      ? tn("{count} record", "{count} records", this.#records.length)
      : "";
    this.#showActions(page.actions);
  }

  #filter() {
    const fields = [...new FormData(this.#form)].map(([name, value]) => [name, String(value)]);
    return new URLSearchParams(fields.filter(([, value]) => value));
  }

  /** Lists the actions and their groups ("user" of "user.created"). @param {string[]} actions */
  #showActions(actions) {
    const select = /** @type {HTMLSelectElement} */ (this.#form.elements.namedItem("action"));
    const groups = actions.map((action) => action.split(".")[0] ?? action);
    const choices = [...new Set([...groups, ...actions])].toSorted();
    if (select.options.length === choices.length + 1) return;
    const chosen = select.value;
    select.replaceChildren(
      new Option(t("Everything"), ""),
      ...choices.map((each) => new Option(wordsOf(each), each)),
    );
    select.value = chosen;
  }
}

/** @param {AuditRecord} record */
function actionCell({ action }) {
  const cell = element("span", wordsOf(action));
  cell.title = action;
  return cell;
}

/** @param {AuditRecord} record */
function detailsCell(record) {
  const facts = detailsOf(record);
  const box = element("span", facts);
  if (record.object) box.append(facts ? " " : "", idCell(record.object));
  return box;
}
