/** The filters of the library: a panel to choose them in, and a chip for each one that is on. */

import { dayOf } from "../core/datetime.js";
import { button, byId, element, icon } from "../core/dom.js";
import { languageName } from "../core/format.js";
import { t } from "../core/i18n.js";
import { foldersByPath } from "./folder-paths.js";
import { FILTERS } from "./list-address.js";

/**
 * @typedef {import("./list-address.js").ListState} ListState
 * @typedef {import("./list-address.js").FilterName} FilterName
 * @typedef {import("../core/api.js").Responses["GET /api/library"]} Library
 * @typedef {HTMLSelectElement | HTMLInputElement} Control
 */

export class Filters {
  /** @param {(change: Partial<ListState>) => void} onChanged */
  constructor(onChanged) {
    this.onChanged = onChanged;
    for (const name of FILTERS) {
      control(name).addEventListener("change", () => onChanged({ [name]: control(name).value }));
    }
    byId("clear-filters").addEventListener("click", () => this.#clear(FILTERS));
  }

  /** Shows the filters that are on. @param {ListState} state */
  show(state) {
    for (const name of FILTERS) setValue(control(name), state[name]);
    const chips = FILTERS.filter((name) => state[name]).map((name) => this.#chip(name, state[name]));
    byId("chips").replaceChildren(...chips);
    byId("active-filters").hidden = !chips.length || state.view !== "kept";
  }

  /** Fills the panel with what there is. @param {Library} library @param {ListState} state */
  fill(library, state) {
    const { folders, tags, languages, models, sources, speakers } = library;
    fillSelect(
      "folder",
      [...foldersByPath(folders)].map(([path, id]) => ({ value: id, name: path })),
    );
    fillSelect(
      "tag",
      tags.map(({ id, name, transcripts }) => ({ value: id, name, count: transcripts })),
    );
    fillSelect("language", named(languages, languageName));
    fillSelect("model", named(models));
    fillSelect("source", named(sources, sourceName));
    fillSelect("speaker", named(speakers));
    this.show(state);
  }

  /** @param {readonly FilterName[]} names */
  #clear(names) {
    this.onChanged(Object.fromEntries(names.map((name) => [name, ""])));
  }

  /** @param {FilterName} name @param {string} value */
  #chip(name, value) {
    const label = labelOf(name, value);
    const chip = button("", "filter-chip", () => {
      this.#clear([name]);
      (byId("chips").querySelector("button") ?? byId("filters-open")).focus();
    });
    chip.append(element("span", label), icon("x"));
    chip.setAttribute("aria-label", t("Without the filter {filter}", { filter: label }));
    const item = element("li");
    item.append(chip);
    return item;
  }
}

/** @param {FilterName} name @returns {Control} */
const control = (name) => byId(`filter-${name}`);

/** @param {Control} field @param {string} value One that is no longer there is added, so that it can be seen. */
function setValue(field, value) {
  field.value = value;
  if (field.value !== value && field instanceof HTMLSelectElement) {
    field.append(new Option(value, value));
    field.value = value;
  }
}

/** @param {{value: string, count: number}[]} values @param {(value: string) => string} [nameOf] */
const named = (values, nameOf = String) =>
  values.map(({ value, count }) => ({ value, count, name: nameOf(value) }));

/** @param {FilterName} name @param {{value: string, name: string, count?: number}[]} options */
function fillSelect(name, options) {
  const select = /** @type {HTMLSelectElement} */ (control(name));
  const first = /** @type {HTMLOptionElement} */ (select.options[0]);
  const added = options.map(({ value, name: text, count }) => {
    const option = new Option(count === undefined ? text : `${text} (${count})`, value);
    option.dataset.name = text;
    return option;
  });
  select.replaceChildren(first, ...added);
  /** @type {HTMLElement} */ (select.closest("label")).hidden = !options.length;
}

/** What a chip says: "Language: German", or the choice alone where that says it all. @param {FilterName} name @param {string} value */
function labelOf(name, value) {
  const field = control(name);
  const option = field instanceof HTMLSelectElement ? field.selectedOptions[0] : null;
  const text = option ? (option.dataset.name ?? option.text) : dayOf(value);
  const label = field.dataset.label;
  return label ? `${label}: ${text}` : text;
}

/** @param {string} source How a recording came here, as the API names it. */
export function sourceName(source) {
  const names = { upload: t("Upload"), live: t("Live"), import: t("Import"), watch: t("Watch folder") };
  return names[/** @type {keyof typeof names} */ (source)] ?? source;
}
