/** The form of transcription options: folded behind one line that sums them up; the browser keeps them. */

import { byId, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { onStatus } from "../core/page-events.js";
import { readStored, writeStored } from "../core/storage.js";
import { showLength } from "../ui/prompt-length.js";

const STORAGE_KEY = "options";
const FIELDS = [
  "language",
  "task",
  "model",
  "quality",
  "hotwords",
  "prompt",
  "word_timestamps",
  "track",
  "channels",
  "diarize",
  "speakers",
];

/** @typedef {import("../core/page-events.js").Status} Status */

export class OptionsForm {
  #form = formById("options-form");
  #defaultModel = "";

  /** Fills the form from the last visit, and keeps its line up to date. */
  start() {
    this.#restore();
    this.#describe();
    this.#form.addEventListener("input", () => this.#onChange());
    this.#form.addEventListener("reset", () => setTimeout(() => this.#onChange())); // fields are reset after the event
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    onStatus((status) => this.#showModels(status));
  }

  /** @returns {Record<string, string>} The fields that are filled; the server chooses the others. */
  chosen() {
    const entries = [...new FormData(this.#form)].map(([name, value]) => [name, String(value).trim()]);
    return Object.fromEntries(entries.filter(([, value]) => value));
  }

  /** Replaces what is chosen; fields without a value get their defaults. @param {Record<string, unknown>} values */
  fill(values) {
    this.#form.reset();
    const filled = Object.entries(values).map(([name, value]) => [
      name,
      value === false ? "" : String(value),
    ]);
    const given = /** @type {Record<string, string>} */ (Object.fromEntries(filled));
    const model = this.#select("model");
    const isListed = [...model.options].some(({ value }) => value === given.model);
    if (given.model && !isListed) model.append(new Option(given.model, given.model));
    this.#set({ language: "", ...given });
    this.#onChange();
  }

  /** Folds or unfolds the form, and moves the focus there. */
  toggle() {
    const details = /** @type {HTMLDetailsElement} */ (byId("options"));
    details.open = !details.open;
    (details.open ? this.#select("language") : details.querySelector("summary"))?.focus();
  }

  #onChange() {
    writeStored(STORAGE_KEY, { ...this.chosen(), language: this.#select("language").value }); // automatic, too
    this.#describe();
  }

  /** @param {string} name */
  #select(name) {
    return /** @type {HTMLSelectElement} */ (this.#form.elements.namedItem(name));
  }

  /** @param {string} name */
  #label(name) {
    return this.#select(name).selectedOptions[0]?.text ?? "";
  }

  #showLengths() {
    const fields = this.#form.elements;
    const input = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (fields.namedItem(name));
    showLength(input("hotwords"), byId("hotwords-length"), () => t("the last words are left out"));
    showLength(input("prompt"), byId("prompt-length"), () => t("the beginning is left out"));
  }

  #describe() {
    this.#showLengths();
    const chosen = this.chosen();
    const parts = [
      chosen.language ? this.#label("language") : t("Automatic language"),
      chosen.model ?? this.#defaultModel,
      this.#label("quality").toLowerCase(),
      chosen.track ? t("track {track}", { track: chosen.track }) : "",
      chosen.channels ? this.#label("channels").toLowerCase() : "",
      chosen.task === "translate" ? t("into English") : "",
      chosen.word_timestamps ? t("word times") : "",
      chosen.diarize ? t("who spoke") : "",
      chosen.hotwords ? t("names given") : "",
      chosen.prompt ? t("context given") : "",
    ];
    byId("options-line").textContent = parts.filter(Boolean).join(" · ");
  }

  #restore() {
    this.#set(/** @type {Record<string, string>} */ (readStored(STORAGE_KEY, {})));
  }

  /** @param {Record<string, string>} values */
  #set(values) {
    for (const name of FIELDS) {
      const field = this.#form.elements.namedItem(name);
      const value = values[name];
      if (value === undefined) continue;
      if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value !== "";
      else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
      if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.selectedIndex = 0;
    }
  }

  /** Lists the models that are installed. @param {Status} status */
  #showModels({ model, models }) {
    if (!model) return;
    const select = this.#select("model");
    const stored = readStored(STORAGE_KEY, /** @type {Record<string, string>} */ ({})).model;
    const wanted = select.value || stored || "";
    const own = models.find(({ installed, name }) => installed && name === select.dataset.own);
    this.#defaultModel = own?.name ?? model.name;
    const first = own
      ? t("{model} (your default)", { model: own.name })
      : t("{model} (default)", { model: model.name });
    const others = models.filter(({ installed, name }) => installed && name !== this.#defaultModel);
    const options = others.map(({ name }) => new Option(name, name));
    select.replaceChildren(new Option(first, ""), ...options);
    select.value = others.some(({ name }) => name === wanted) ? wanted : "";
    this.#describe();
  }
}
