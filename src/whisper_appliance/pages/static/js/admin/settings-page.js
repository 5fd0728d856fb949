/** Every setting: how it is, who says so, when a change counts; and its change. */
import { ask } from "../core/api.js";
import { action, byId, element, fromTemplate, showFacts, slot } from "../core/dom.js";
import { day } from "../core/format.js";
import { toast } from "../ui/toast.js";
import { keepFresh, startPanel } from "./panel.js";
import { restart } from "./restart.js";

/**
 * @typedef {{name: string, section: string, value: string, default: string, source: string, help: string, kind: string,
 *   choices: string[], least: number | null, most: number | null, effect: string, changeable: boolean,
 *   waiting: string | null, changed: string | null, changed_by: string | null}} Setting
 * @typedef {{settings: Setting[], restart: import("./restart.js").Restart}} Seen
 */

const SOURCES = {
  environment: "environment",
  "command line": "command line",
  panel: "set here",
  default: "default",
};
const EFFECTS = {
  "at once": "A change counts at once.",
  "after a restart": "A change counts after a restart.",
};
/** @type {Map<string, {row: HTMLElement, shown: string, setting: Setting}>} */
const rows = new Map();
let which = "all";
/** @type {Seen | null} */
let seen = null;

/** @param {Seen} now */
function show(now) {
  seen = now;
  for (const setting of now.settings) showSetting(setting);
  byId("sections").setAttribute("aria-busy", "false");
  sift();
  const { waiting, possible, reason } = now.restart;
  byId("waiting").hidden = !waiting.length;
  byId("waiting-text").textContent = `After a restart: ${waiting.join(", ")}.`;
  byId("waiting-restart").hidden = !possible;
  byId("restart").hidden = !possible;
  byId("restart-reason").textContent = possible
    ? `Jobs and live sessions go on after the start. ${reason}`
    : reason;
}

/** @param {Setting} setting */
function showSetting(setting) {
  const known = rows.get(setting.name);
  const shown = JSON.stringify(setting);
  if (known?.shown === shown) return;
  const row = known?.row ?? made(setting);
  rows.set(setting.name, { row, shown, setting });
  fill(row, setting);
}

/** @param {string} title @returns {HTMLElement} The list of a section. */
function sectionOf(title) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  const found = document.getElementById(id);
  if (found) return /** @type {HTMLElement} */ (found.querySelector("ul"));
  const section = element("section");
  section.id = id;
  const heading = element("h2", title);
  heading.id = `${id}-title`;
  section.setAttribute("aria-labelledby", heading.id);
  const list = element("ul", undefined, "settings");
  section.append(heading, list);
  byId("sections").append(section);
  return list;
}

/** @param {Setting} setting */
function made(setting) {
  const row = fromTemplate("setting-template");
  row.dataset.name = setting.name;
  sectionOf(setting.section).append(row);
  const now = () => /** @type {{setting: Setting}} */ (rows.get(setting.name)).setting;
  action(row, "change").addEventListener("click", () => openForm(row, now()));
  action(row, "cancel").addEventListener("click", () => closeForm(row));
  action(row, "reset").addEventListener("click", () => void save(row, now(), null));
  slot(row, "form").addEventListener("submit", (event) => {
    event.preventDefault();
    void save(
      row,
      now(),
      /** @type {HTMLInputElement} */ (slot(row, "field").firstElementChild).value.trim(),
    );
  });
  return row;
}

/** @param {HTMLElement} row @param {Setting} setting */
function fill(row, setting) {
  slot(row, "name").textContent = setting.name;
  slot(row, "help").textContent = setting.help;
  slot(row, "value").textContent = spoken(setting.value, setting);
  const by = setting.changed ? `by ${setting.changed_by || "somebody"}, ${day(setting.changed)}` : null;
  showFacts(slot(row, "facts"), [
    SOURCES[/** @type {keyof typeof SOURCES} */ (setting.source)],
    by,
    unchangeable(setting),
  ]);
  slot(row, "waiting").hidden = setting.waiting === null;
  slot(row, "waiting").textContent =
    `After a restart: ${spoken(setting.waiting ?? "", setting) || "not set"}`;
  action(row, "change").hidden = !setting.changeable;
  action(row, "change").textContent = "Change";
  action(row, "change").setAttribute("aria-label", `Change ${setting.name}`);
}

/** @param {Setting} setting */
function unchangeable(setting) {
  return setting.effect === "environment only" && setting.source === "default"
    ? "in the environment only"
    : null;
}

/** @param {string} value @param {Setting} setting */
function spoken(value, setting) {
  if (setting.kind === "switch") return value === "true" ? "On" : "Off";
  if (setting.kind === "list") return value.replaceAll(",", ", ");
  const plain = value.replace(/\.0(?=[A-Za-z]|$)/, "");
  if (setting.kind === "size") return plain.replace(/(?<=\d)(?=[A-Za-z])/, " ");
  return setting.kind.endsWith("number") && /(_SECONDS|_TIMEOUT)$/.test(setting.name)
    ? lasting(Number(plain))
    : plain;
}

/** @param {number} seconds */
function lasting(seconds) {
  const long =
    seconds >= 86400 && seconds % 86400 === 0
      ? [seconds / 86400, "d"]
      : seconds >= 3600 && seconds % 3600 === 0
        ? [seconds / 3600, "h"]
        : [seconds / 60, "min"];
  return seconds >= 60 && Number.isInteger(long[0]) ? `${seconds} s (${long.join(" ")})` : `${seconds} s`;
}

/** @param {HTMLElement} row @param {Setting} setting */
function openForm(row, setting) {
  const field = makeField(setting);
  slot(row, "field").replaceChildren(field);
  slot(row, "label").textContent = setting.name;
  slot(row, "label").setAttribute("for", field.id);
  const range = [
    setting.least === null ? null : `at least ${setting.least}`,
    setting.most === null ? null : `at most ${setting.most}`,
  ];
  const hints =
    setting.kind === "size"
      ? "Write 100MB or 1GiB."
      : setting.kind === "list"
        ? "Separate several with commas."
        : "";
  const bounds = setting.kind === "size" ? "" : range.filter(Boolean).join(", ");
  const effect = EFFECTS[/** @type {keyof typeof EFFECTS} */ (setting.effect)];
  slot(row, "field-help").textContent = [
    bounds && `${bounds[0].toUpperCase()}${bounds.slice(1)}.`,
    hints,
    effect,
    `Default: ${spoken(setting.default, setting) || "not set"}.`,
  ]
    .filter(Boolean)
    .join(" ");
  slot(row, "field-help").id = `${field.id}-help`;
  slot(row, "wrong").id = `${field.id}-wrong`;
  field.setAttribute("aria-describedby", `${field.id}-help ${field.id}-wrong`);
  tellWrong(row, "");
  action(row, "reset").hidden = setting.source !== "panel";
  slot(row, "form").hidden = false;
  action(row, "change").hidden = true;
  field.focus();
}

/** @param {Setting} setting @returns {HTMLInputElement | HTMLSelectElement} */
function makeField(setting) {
  const value = setting.waiting ?? setting.value;
  const choices = setting.kind === "switch" ? ["true", "false"] : setting.choices;
  const field = choices.length ? select(choices, setting) : element("input");
  field.id = `field-${setting.name}`;
  if (field instanceof HTMLInputElement) {
    field.type = "text";
    field.autocomplete = "off";
    field.spellcheck = false;
    if (setting.kind.endsWith("number")) field.inputMode = setting.kind === "number" ? "decimal" : "numeric";
  }
  field.value = value;
  return field;
}

/** @param {string[]} choices @param {Setting} setting */
function select(choices, setting) {
  const field = element("select");
  for (const choice of choices) field.append(new Option(spoken(choice, setting), choice));
  return field;
}

/** @param {HTMLElement} row */
function closeForm(row) {
  slot(row, "form").hidden = true;
  action(row, "change").hidden = false;
  action(row, "change").focus();
}

/** @param {HTMLElement} row @param {string} sentence */
function tellWrong(row, sentence) {
  slot(row, "wrong").textContent = sentence;
  const field = slot(row, "field").firstElementChild;
  if (sentence) field?.setAttribute("aria-invalid", "true");
  else field?.removeAttribute("aria-invalid");
}

/** @param {HTMLElement} row @param {Setting} setting @param {string | null} value null: the default. */
async function save(row, setting, value) {
  const path = `/api/admin/settings/${setting.name}`;
  try {
    const how = value === null ? { method: "DELETE" } : { method: "PUT", body: { value } };
    const now = /** @type {Seen} */ (await ask(path, how));
    show(now);
    closeForm(row);
    const then = now.settings.find(({ name }) => name === setting.name);
    toast(
      then?.waiting === null
        ? `${setting.name} counts from now on.`
        : `${setting.name} counts after a restart.`,
    );
  } catch (error) {
    tellWrong(row, /** @type {Error} */ (error).message);
  }
}

/** Shows what fits the words and the choice. */
function sift() {
  const words = /** @type {HTMLInputElement} */ (byId("filter")).value.trim().toLocaleLowerCase();
  for (const { row, setting } of rows.values()) {
    const fits = `${setting.name} ${setting.help} ${setting.value}`.toLocaleLowerCase().includes(words);
    row.hidden = !fits || !isWanted(setting);
  }
  for (const section of byId("sections").children) {
    /** @type {HTMLElement} */ (section).hidden = !section.querySelector(".setting:not([hidden])");
  }
  byId("no-settings").hidden = Boolean(byId("sections").querySelector("section:not([hidden])"));
}

/** @param {Setting} setting */
function isWanted(setting) {
  if (which === "changed") return setting.source === "panel" || setting.waiting !== null;
  return which === "all" || ["environment", "command line"].includes(setting.source);
}

startPanel();
const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-which]"));
for (const button of buttons) {
  button.addEventListener("click", () => {
    which = button.dataset.which ?? "all";
    for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    sift();
  });
}
byId("filter").addEventListener("input", sift);
for (const id of ["restart", "waiting-restart"]) {
  byId(id).addEventListener("click", () => seen && void restart(seen.restart));
}
keepFresh(async () => show(await ask("/api/admin/settings")), 0);
