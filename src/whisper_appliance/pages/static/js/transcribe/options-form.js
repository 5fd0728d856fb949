/** How recordings are to be heard: a form behind one line that says what it holds, remembered by this browser. */
import { byId } from "../core/dom.js";
import { recall, remember } from "../core/storage.js";

const KEY = "options";
const FIELDS = ["language", "task", "model", "quality", "hotwords", "prompt", "word_timestamps"];
const form = () => /** @type {HTMLFormElement} */ (byId("options-form"));
let defaultModel = "";

/** @param {string} name @returns {HTMLSelectElement} */
function choice(name) {
  return /** @type {HTMLSelectElement} */ (form().elements.namedItem(name));
}

/** @param {string} name */
function chosenLabel(name) {
  return choice(name).selectedOptions[0]?.text ?? "";
}

/** @returns {Record<string, string>} The fields that differ from "leave it to the appliance". */
export function chosenOptions() {
  const entries = [...new FormData(form())].map(([name, value]) => [name, String(value).trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value));
}

function describe() {
  const options = chosenOptions();
  const parts = [
    options.language ? chosenLabel("language") : "Automatic language",
    options.model ?? defaultModel,
    chosenLabel("quality").toLowerCase(),
    options.task === "translate" ? "into English" : "",
    options.word_timestamps ? "word times" : "",
    options.hotwords ? "names given" : "",
    options.prompt ? "context given" : "",
  ];
  byId("options-line").textContent = parts.filter(Boolean).join(" · ");
}

function restore() {
  const kept = /** @type {Record<string, string>} */ (recall(KEY, {}));
  for (const name of FIELDS) {
    const field = form().elements.namedItem(name);
    if (kept[name] === undefined) continue;
    if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = true;
    else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement)
      field.value = kept[name];
    if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.selectedIndex = 0;
  }
}

/** Offers the models that are on this machine. @param {import("../ui/status-bar.js").Status} status */
function offerModels({ model, models }) {
  const select = choice("model");
  const wanted = select.value || recall(KEY, /** @type {Record<string, string>} */ ({})).model || "";
  defaultModel = model.name;
  const others = models.filter((each) => each.installed && each.name !== model.name);
  const options = [
    new Option(`${model.name} (default)`, ""),
    ...others.map((each) => new Option(each.name, each.name)),
  ];
  select.replaceChildren(...options);
  select.value = others.some((each) => each.name === wanted) ? wanted : "";
  describe();
}

function changed() {
  remember(KEY, chosenOptions());
  describe();
}

/** Fills the form from the last visit and keeps its line true. */
export function startOptions() {
  restore();
  describe();
  form().addEventListener("input", changed);
  form().addEventListener("reset", () => setTimeout(changed));
  form().addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("status", (event) => offerModels(/** @type {CustomEvent} */ (event).detail));
}

/** Folds the form away or opens it, and goes there. */
export function toggleOptions() {
  const details = /** @type {HTMLDetailsElement} */ (byId("options"));
  details.open = !details.open;
  (details.open ? choice("language") : details.querySelector("summary"))?.focus();
}
