/** Tables that sort by a click on a heading and filter by words. Rows stay where they are when they are shown anew. */
import { element, icon } from "../core/dom.js";

/**
 * @template Row
 * @typedef {{title: string, show: (row: Row) => string | Node | null, sort?: (row: Row) => string | number | null,
 *   number?: boolean, hideTitle?: boolean}} Column `sort` makes the column sortable; nulls come last.
 */

/** @template Row */
export class Table {
  /**
   * @param {HTMLTableElement} table Empty but for its caption.
   * @param {{columns: Column<Row>[], key: (row: Row) => string, empty: string, words?: (row: Row) => string,
   *   order?: [number, "ascending" | "descending"]}} how `words` is what a filter looks in.
   */
  constructor(table, { columns, key, empty, words = () => "", order }) {
    this.table = table;
    this.columns = columns;
    this.key = key;
    this.empty = empty;
    this.words = words;
    this.order = order;
    this.filter = "";
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Map<string, {row: HTMLTableRowElement, shown: string}>} */
    this.made = new Map();
    this.body = element("tbody");
    table.classList.add("data");
    table.setAttribute("role", "table"); // phones show rows as cards, which would lose what a table is
    table.append(this.#head(), this.body);
  }

  /** @param {Row[]} rows Takes the place of those before. */
  show(rows) {
    this.rows = rows;
    this.#draw();
  }

  /** @param {HTMLInputElement} input Shows only rows with these words. */
  filterBy(input) {
    input.addEventListener("input", () => {
      this.filter = input.value.trim().toLocaleLowerCase();
      this.#draw();
    });
  }

  #head() {
    const head = element("thead");
    const line = element("tr");
    line.setAttribute("role", "row");
    this.columns.forEach((column, number) => line.append(this.#heading(column, number)));
    head.setAttribute("role", "rowgroup");
    this.body.setAttribute("role", "rowgroup");
    head.append(line);
    return head;
  }

  /** @param {Column<Row>} column @param {number} number */
  #heading(column, number) {
    const cell = element("th", undefined, column.number ? "number" : "");
    cell.scope = "col";
    cell.dataset.title = column.title;
    cell.setAttribute("role", "columnheader");
    if (!column.sort) {
      cell.append(element("span", column.title, column.hideTitle ? "hidden" : ""));
      return cell;
    }
    const button = element("button", column.title, "sort");
    button.type = "button";
    button.append(icon("chevron-down"));
    button.addEventListener("click", () => {
      const [at, direction] = this.order ?? [];
      const first = column.number ? "descending" : "ascending";
      const other = direction === "ascending" ? "descending" : "ascending";
      this.order = [number, at === number ? other : first];
      this.#draw();
    });
    cell.append(button);
    return cell;
  }

  #draw() {
    const [at, direction] = this.order ?? [];
    [...this.table.querySelectorAll("th")].forEach((cell, number) => {
      if (number === at) cell.setAttribute("aria-sort", /** @type {string} */ (direction));
      else cell.removeAttribute("aria-sort");
    });
    const kept = this.rows.filter(
      (row) => !this.filter || this.words(row).toLocaleLowerCase().includes(this.filter),
    );
    const rows = this.#sorted(kept);
    const lines = rows.map((row) => this.#line(row));
    this.made = new Map(rows.map((row, number) => [this.key(row), lines[number]]));
    place(this.body, lines.length ? lines.map(({ row }) => row) : [this.#nothing()]);
  }

  /** @param {Row[]} rows */
  #sorted(rows) {
    const [at, direction] = this.order ?? [];
    const value = at === undefined ? undefined : this.columns[at].sort;
    if (!value) return rows;
    const sign = direction === "ascending" ? 1 : -1;
    return rows.toSorted((a, b) => compare(value(a), value(b), sign));
  }

  /** A line that has not changed is the same element, so that focus and selection stay. @param {Row} row */
  #line(row) {
    const shown = JSON.stringify(row);
    const before = this.made.get(this.key(row));
    if (before?.shown === shown) return before;
    const line = element("tr");
    line.setAttribute("role", "row");
    line.dataset.key = this.key(row);
    for (const column of this.columns) {
      const cell = element("td", undefined, column.number ? "number" : "");
      cell.setAttribute("role", "cell");
      cell.dataset.title = column.hideTitle ? "" : column.title;
      cell.append(column.show(row) ?? "");
      line.append(cell);
    }
    return { row: line, shown };
  }

  #nothing() {
    const line = element("tr");
    const cell = element("td", this.filter ? "Nothing with these words." : this.empty, "nothing");
    cell.colSpan = this.columns.length;
    line.setAttribute("role", "row");
    cell.setAttribute("role", "cell");
    line.append(cell);
    return line;
  }
}

/** @param {string | number | null} a @param {string | number | null} b @param {number} sign */
function compare(a, b, sign) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Puts the rows in this order, and moves only those that are elsewhere. @param {HTMLElement} body @param {HTMLElement[]} rows */
function place(body, rows) {
  const wanted = new Set(rows);
  const focused = /** @type {HTMLElement | null} */ (
    body.contains(document.activeElement) ? document.activeElement : null
  );
  const again = refocus(focused);
  for (const old of [...body.children]) if (!wanted.has(/** @type {HTMLElement} */ (old))) old.remove();
  rows.forEach((row, number) => {
    if (body.children[number] !== row) body.insertBefore(row, body.children[number] ?? null);
  });
  if (focused && document.activeElement !== focused) again(body);
}

/** @param {HTMLElement | null} focused @returns {(body: HTMLElement) => void} Finds the same control in a row that was made anew. */
function refocus(focused) {
  const line = /** @type {HTMLElement | null} */ (focused?.closest("tr"));
  const key = line?.dataset.key;
  const number =
    focused && line ? [...line.querySelectorAll("a, button, input, select, summary")].indexOf(focused) : -1;
  return (body) => {
    const same = [...body.querySelectorAll("tr")].find((each) => each.dataset.key === key);
    /** @type {HTMLElement | undefined} */ (
      same?.querySelectorAll("a, button, input, select, summary")[number]
    )?.focus();
  };
}
