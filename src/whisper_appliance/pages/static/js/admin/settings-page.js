/** All settings: value, source, when a change takes effect; and their change. */

import { messageOf, request } from "../core/api.js";
import { day } from "../core/datetime.js";
import { action, all, byId, element, fromTemplate, inputById, showFacts, slot } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { markInvalid } from "../ui/form.js";
import { KeyedList } from "../ui/keyed-list.js";
import { toast } from "../ui/toast.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { restart } from "./restart.js";
import { describeBounds, displayValue } from "./setting-values.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/settings"]} Settings
 * @typedef {Settings["settings"][number]} Setting
 */

/** @type {Record<Setting["source"], string>} */
const SOURCES = {
  environment: t("environment"),
  "command line": t("command line"),
  panel: t("set here"),
  default: t("default"),
};

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new SettingsPage(root);
}

class SettingsPage {
  /** @type {Settings | null} */
  #settings = null;
  /** "all", "changed" or "environment". */
  #filter = "all";
  /** @type {KeyedList<Setting>} */
  #rows = new KeyedList({
    create: (name, setting) => this.#createRow(name, setting),
    fill: (row, setting) => fillRow(row, setting),
  });

  /** @param {HTMLElement} root */
  constructor(root) {
    const buttons = /** @type {HTMLButtonElement[]} */ (all(root, "[data-which]"));
    for (const button of buttons) {
      button.addEventListener("click", () => {
        this.#filter = button.dataset.which ?? "all";
        for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
        this.#applyFilter();
      });
    }
    inputById("filter").value = decodeURIComponent(location.hash.slice(1)); // links name a setting
    inputById("filter").addEventListener("input", () => this.#applyFilter());
    for (const id of ["restart", "waiting-restart"]) {
      byId(id).addEventListener("click", () => this.#settings && void restart(this.#settings.restart));
    }
    void new AccessRow().load();
    keepFresh(async () => this.#show(await request("GET /api/admin/settings")), 0);
  }

  /** @param {Settings} settings */
  #show(settings) {
    this.#settings = settings;
    for (const setting of settings.settings) this.#rows.update(setting.name, setting);
    for (const id of ["sections", "common"]) byId(id).setAttribute("aria-busy", "false");
    this.#applyFilter();
    showRestart(settings.restart);
  }

  /** @param {string} name @param {Setting} setting */
  #createRow(name, setting) {
    const row = fromTemplate("setting-template");
    row.dataset.name = name;
    (setting.plain_name ? commonList() : sectionList(setting.section)).append(row);
    action(row, "change").addEventListener("click", () => openForm(row, this.#rows.item(name)));
    action(row, "cancel").addEventListener("click", () => closeForm(row));
    action(row, "reset").addEventListener("click", () => void this.#reset(row, name));
    slot(row, "form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save(row, name);
    });
    return row;
  }

  /** @param {HTMLElement} row @param {string} name */
  async #save(row, name) {
    const field = /** @type {HTMLInputElement} */ (slot(row, "field").firstElementChild);
    const body = { value: field.value.trim() };
    await this.#change(row, name, () => request("PUT /api/admin/settings/{name}", { path: { name }, body }));
  }

  /** @param {HTMLElement} row @param {string} name */
  async #reset(row, name) {
    await this.#change(row, name, () => request("DELETE /api/admin/settings/{name}", { path: { name } }));
  }

  /** @param {HTMLElement} row @param {string} name @param {() => Promise<Settings>} change */
  async #change(row, name, change) {
    try {
      this.#show(await change());
      closeForm(row);
      const takesEffect = this.#rows.item(name).waiting === null;
      toast(
        takesEffect
          ? t("{name} counts from now on.", { name: titleOf(this.#rows.item(name)) })
          : t("{name} counts after a restart.", { name: titleOf(this.#rows.item(name)) }),
      );
    } catch (error) {
      showRowError(row, messageOf(error));
    }
  }

  #applyFilter() {
    const query = inputById("filter").value;
    for (const { element: row, item: setting } of this.#rows.entries()) {
      const { name, help, value, plain_name, plain_help, search_words } = setting;
      const text = [name, help, value, plain_name, plain_help, search_words].join(" ");
      row.hidden = !hasWords(text, query) || !this.#matchesFilter(setting);
    }
    const access = byId("openness-row");
    access.hidden =
      this.#filter !== "all" || !hasWords(`${access.textContent} ${access.dataset.words}`, query);
    byId("common").hidden = !byId("common").querySelector(".setting:not([hidden])");
    const all = /** @type {HTMLDetailsElement} */ (byId("all"));
    all.open ||= Boolean(query.trim());
    const sections = /** @type {HTMLElement[]} */ ([...byId("sections").children]);
    for (const section of sections) section.hidden = !section.querySelector(".setting:not([hidden])");
    const found = byId("sections").querySelector("section:not([hidden])") || !byId("common").hidden;
    byId("no-settings").hidden = Boolean(found);
  }

  /** @param {Setting} setting */
  #matchesFilter({ source, waiting }) {
    if (this.#filter === "changed") return source === "panel" || waiting !== null;
    return this.#filter === "all" || ["environment", t("command line")].includes(source);
  }
}

/** Who may use the appliance: it is kept with the accounts, and changed by a choice. */
class AccessRow {
  #select = /** @type {HTMLSelectElement} */ (byId("openness"));

  constructor() {
    this.#select.addEventListener("change", () => void this.#change());
  }

  async load() {
    try {
      const { openness } = await request("GET /api/admin/users");
      this.#select.value = openness;
      this.#select.disabled = false;
    } catch (error) {
      showProblem(error, () => void this.load());
    }
  }

  async #change() {
    const openness = /** @type {"network" | "accounts"} */ (this.#select.value);
    try {
      await request("PUT /api/admin/openness", { body: { openness } });
      toast(
        openness === "network" ? t("Open to anyone on its network.") : t("Open to people with an account."),
      );
    } catch (error) {
      toast(messageOf(error));
      await this.load();
    }
  }
}

/** @param {string} text @param {string} query @returns {boolean} Whether each word begins, or is in, a word of the text. */
function hasWords(text, query) {
  const lower = text.toLocaleLowerCase();
  return query
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** @param {Pick<Setting, "name" | "plain_name">} setting */
const titleOf = ({ name, plain_name }) => plain_name || name;

const commonList = () => /** @type {HTMLElement} */ (byId("common").querySelector("ul"));

/** @param {Settings["restart"]} restart */
function showRestart({ waiting, possible, reason }) {
  byId("waiting").hidden = !waiting.length;
  byId("waiting-text").textContent = t("After a restart: {waiting}.", { waiting: waiting.join(", ") });
  byId("waiting-restart").hidden = !possible;
  byId("restart").hidden = !possible;
  byId("restart-reason").textContent = possible
    ? t("Jobs and live sessions go on after the start. {reason}", { reason })
    : reason;
}

/** @param {string} title @returns {HTMLElement} The list of a section, which is made if it is not there. */
function sectionList(title) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  const existing = document.getElementById(id);
  if (existing) return /** @type {HTMLElement} */ (existing.querySelector("ul"));
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

/** @param {HTMLElement} row @param {Setting} setting */
function fillRow(row, setting) {
  const { name, plain_name, help, value, source, changed, changed_by, waiting, changeable, effect } = setting;
  slot(row, "name").replaceChildren(plain_name || element("code", name));
  slot(row, "help").textContent = setting.plain_help || help;
  slot(row, "value").textContent = displayValue(value, setting);
  const isOnlyThere = effect === "environment only" && source === "default";
  showFacts(slot(row, "facts"), [
    plain_name ? name : null,
    SOURCES[source],
    changed
      ? t("by {changed_by}, {changed}", { changed_by: changed_by || "somebody", changed: day(changed) })
      : null,
    isOnlyThere ? t("in the environment only") : null,
  ]);
  slot(row, "waiting").hidden = waiting === null;
  slot(row, "waiting").textContent = t("After a restart: {setting}", {
    setting: displayValue(waiting ?? "", setting) || t("not set"),
  });
  const isChosenElsewhere = name === "WHISPER_MODEL";
  slot(row, "choose").hidden = !(changeable && isChosenElsewhere);
  action(row, "change").hidden = !changeable || isChosenElsewhere;
  action(row, "change").textContent = t("Change");
  action(row, "change").setAttribute("aria-label", t("Change {name}", { name: titleOf(setting) }));
}

/** @param {HTMLElement} row @param {Setting} setting */
function openForm(row, setting) {
  const field = settingField(setting);
  slot(row, "field").replaceChildren(field);
  slot(row, "label").textContent = titleOf(setting);
  slot(row, "label").setAttribute("for", field.id);
  slot(row, "field-help").textContent = describeBounds(setting);
  slot(row, "field-help").id = `${field.id}-help`;
  slot(row, "wrong").id = `${field.id}-wrong`;
  field.setAttribute("aria-describedby", `${field.id}-help ${field.id}-wrong`);
  showRowError(row, "");
  action(row, "reset").hidden = setting.source !== "panel";
  slot(row, "form").hidden = false;
  action(row, "change").hidden = true;
  field.focus();
}

/** @param {Setting} setting @returns {HTMLInputElement | HTMLSelectElement} */
function settingField(setting) {
  const choices = setting.kind === "switch" ? ["true", "false"] : setting.choices;
  const isLanguage = setting.name === "DEFAULT_LANGUAGE";
  const field = element(choices.length || isLanguage ? "select" : "input");
  field.id = `field-${setting.name}`;
  if (field instanceof HTMLInputElement) {
    field.type = "text";
    field.autocomplete = "off";
    field.spellcheck = false;
    if (setting.kind.endsWith("number")) field.inputMode = setting.kind === "number" ? "decimal" : "numeric";
  } else if (isLanguage) {
    field.append(/** @type {HTMLTemplateElement} */ (byId("language-options")).content.cloneNode(true));
  } else {
    field.append(...choices.map((choice) => new Option(displayValue(choice, setting), choice)));
  }
  field.value = setting.waiting ?? setting.value;
  return field;
}

/** @param {HTMLElement} row */
function closeForm(row) {
  slot(row, "form").hidden = true;
  action(row, "change").hidden = false;
  action(row, "change").focus();
}

/** @param {HTMLElement} row @param {string} sentence Empty: there is no error. */
function showRowError(row, sentence) {
  slot(row, "wrong").textContent = sentence;
  const field = /** @type {HTMLElement | null} */ (slot(row, "field").firstElementChild);
  markInvalid(slot(row, "field"), sentence ? field : null);
}
