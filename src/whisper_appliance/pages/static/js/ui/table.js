/** Tables that are sorted by a click on a heading and filtered by words. Unchanged rows keep their elements. */

import { button, element, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * @template Row
 * @typedef {Object} Column
 * @property {string} title
 * @property {(row: Row) => string | Node | null} show
 * @property {(row: Row) => string | number | null} [sort] Makes the column sortable; nulls come last.
 * @property {boolean} [number]
 * @property {boolean} [hideTitle]
 * @property {"minor" | "name" | "sentence"} [kind] Minor columns are left out where there is little room.
 */

/** @typedef {"ascending" | "descending"} Direction */

const CONTROLS = "a, button, input, select, summary";

/** @template Row */
export class Table {
  #filter = "";
  /** @type {Row[]} */
  #rows = [];
  /** @type {Map<string, {line: HTMLTableRowElement, shown: string}>} */
  #lines = new Map();
  #body = element("tbody");

  /**
   * @param {HTMLTableElement} table Empty but for its caption.
   * @param {{columns: Column<Row>[], key: (row: Row) => string, empty: string, words?: (row: Row) => string,
   *   order?: [number, Direction]}} options `words` is the text that a filter searches.
   */
  constructor(table, { columns, key, empty, words = () => "", order }) {
    this.table = table;
    this.columns = columns;
    this.key = key;
    this.empty = empty;
    this.words = words;
    /** @type {[number, Direction] | undefined} The number of the column. */
    this.order = order;
    table.classList.add("data");
    table.setAttribute("role", "table"); // phones show rows as cards, for which browsers drop the role
    table.append(this.#head(), this.#body);
  }

  /** @param {Row[]} rows Replace those before. */
  show(rows) {
    this.#rows = rows;
    this.#draw();
  }

  /** @param {HTMLInputElement} input Only rows with these words are shown. */
  filterBy(input) {
    input.addEventListener("input", () => {
      this.#filter = input.value.trim().toLocaleLowerCase();
      this.#draw();
    });
  }

  #head() {
    const head = element("thead");
    const line = element("tr");
    line.setAttribute("role", "row");
    line.append(...this.columns.map((column, number) => this.#heading(column, number)));
    head.setAttribute("role", "rowgroup");
    this.#body.setAttribute("role", "rowgroup");
    head.append(line);
    return head;
  }

  /** @param {Column<Row>} column @param {number} number */
  #heading(column, number) {
    const cell = element("th", undefined, classOf(column));
    cell.scope = "col";
    cell.dataset.title = column.title;
    cell.setAttribute("role", "columnheader");
    if (!column.sort) {
      cell.append(element("span", column.title, column.hideTitle ? "hidden" : ""));
      return cell;
    }
    const sort = button(column.title, "sort", () => this.#sortBy(number));
    sort.append(icon("chevron-down"));
    cell.append(sort);
    return cell;
  }

  /** Numbers begin with the largest; a second click turns the order. @param {number} number Of the column. */
  #sortBy(number) {
    const [current, direction] = this.order ?? [];
    const first = this.columns[number]?.number ? "descending" : "ascending";
    const opposite = direction === "ascending" ? "descending" : "ascending";
    this.order = [number, current === number ? opposite : first];
    this.#draw();
  }

  #draw() {
    const [current, direction] = this.order ?? [];
    [...this.table.querySelectorAll("th")].forEach((cell, number) => {
      if (number === current) cell.setAttribute("aria-sort", direction ?? "none");
      else cell.removeAttribute("aria-sort");
    });
    const isShown = (/** @type {Row} */ row) => this.words(row).toLocaleLowerCase().includes(this.#filter);
    const rows = this.#sorted(this.#rows.filter((row) => !this.#filter || isShown(row)));
    this.#lines = new Map(rows.map((row) => [this.key(row), this.#line(row)]));
    const lines = [...this.#lines.values()].map(({ line }) => line);
    placeLines(this.#body, lines.length ? lines : [this.#emptyLine()]);
  }

  /** @param {Row[]} rows */
  #sorted(rows) {
    const [current, direction] = this.order ?? [];
    const value = current === undefined ? undefined : this.columns[current]?.sort;
    if (!value) return rows;
    const sign = direction === "ascending" ? 1 : -1;
    return rows.toSorted((a, b) => compare(value(a), value(b), sign));
  }

  /** An unchanged line is the same element, so that focus and selection stay. @param {Row} row */
  #line(row) {
    const shown = JSON.stringify(row);
    const previous = this.#lines.get(this.key(row));
    if (previous?.shown === shown) return previous;
    const line = element("tr");
    line.setAttribute("role", "row");
    line.dataset.key = this.key(row);
    for (const column of this.columns) {
      const cell = element("td", undefined, classOf(column));
      cell.setAttribute("role", "cell");
      cell.dataset.title = column.hideTitle ? "" : column.title;
      cell.append(column.show(row) ?? "");
      line.append(cell);
    }
    return { line, shown };
  }

  #emptyLine() {
    const line = element("tr");
    const cell = element("td", this.#filter ? t("Nothing with these words.") : this.empty, "nothing");
    cell.colSpan = this.columns.length;
    line.setAttribute("role", "row");
    cell.setAttribute("role", "cell");
    line.append(cell);
    return line;
  }
}

/** @template Row @param {Column<Row>} column */
function classOf({ number, kind }) {
  return number ? "number" : (kind ?? "");
}

/** @param {string | number | null} a @param {string | number | null} b @param {number} sign */
function compare(a, b, sign) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Puts lines into this order, and moves only those that are elsewhere. @param {HTMLElement} body @param {HTMLElement[]} lines */
function placeLines(body, lines) {
  const kept = new Set(lines);
  const hasFocus = body.contains(document.activeElement);
  const focused = /** @type {HTMLElement | null} */ (hasFocus ? document.activeElement : null);
  const refocus = focusMemory(focused);
  for (const old of [...body.children]) if (!kept.has(/** @type {HTMLElement} */ (old))) old.remove();
  lines.forEach((line, number) => {
    if (body.children[number] !== line) body.insertBefore(line, body.children[number] ?? null);
  });
  if (focused && document.activeElement !== focused) refocus(body);
}

/** @param {HTMLElement | null} focused @returns {(body: HTMLElement) => void} Focuses the same control in a new line. */
function focusMemory(focused) {
  const line = /** @type {HTMLElement | null} */ (focused?.closest("tr"));
  const key = line?.dataset.key;
  const number = focused && line ? [...line.querySelectorAll(CONTROLS)].indexOf(focused) : -1;
  return (body) => {
    const same = [...body.querySelectorAll("tr")].find((each) => each.dataset.key === key);
    /** @type {HTMLElement | undefined} */ (same?.querySelectorAll(CONTROLS)[number])?.focus();
  };
}
