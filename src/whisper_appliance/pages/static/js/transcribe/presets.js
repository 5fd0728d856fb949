/** Presets of a signed-in user: choose one, save the current options as one, delete it. */

import { messageOf, request } from "../core/api.js";
import { buttonById, dialogById, formById, selectById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";
import { closeOnBackdrop } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/**
 * @typedef {import("./options-form.js").OptionsForm} OptionsForm
 * @typedef {import("../core/api.js").Responses["GET /api/account/presets"]["presets"][number]} Preset
 */

const STORAGE_KEY = "preset";
/** Fields of the form that are numbers in a preset; the other fields are text. */
const NUMBERS = ["track", "speakers"];
const SWITCHES = ["word_timestamps", "diarize"];

/** @param {OptionsForm} options */
export function startPresets(options) {
  if (!document.getElementById("presets")) return; // visitors have none
  void new Presets(options).start();
}

class Presets {
  #select = selectById("preset");
  #delete = buttonById("preset-delete");
  /** @type {Preset[]} */
  #presets = [];

  /** @param {OptionsForm} options */
  constructor(options) {
    this.options = options;
  }

  async start() {
    this.#select.addEventListener("change", () => this.#choose(this.#chosen()));
    this.#delete.addEventListener("click", () => void this.#remove());
    const dialog = dialogById("preset-dialog");
    const form = formById("preset-form");
    const nameField = /** @type {HTMLInputElement} */ (form.elements.namedItem("name"));
    const defaultBox = /** @type {HTMLInputElement} */ (form.elements.namedItem("default"));
    closeOnBackdrop(dialog);
    buttonById("preset-cancel").addEventListener("click", () => dialog.close());
    buttonById("preset-save").addEventListener("click", () => {
      nameField.value = this.#chosen()?.name ?? "";
      defaultBox.checked = this.#chosen()?.default ?? false;
      dialog.showModal();
      nameField.focus();
    });
    onSubmit(form, async ({ name = "" }) => {
      await this.#save(name.trim(), defaultBox.checked);
      dialog.close();
    });
    await this.#load();
    const isFirstVisit = readStored(STORAGE_KEY, "") === "";
    const start = this.#presets.find((preset) => preset.default);
    if (start && isFirstVisit) this.#choose(start);
    else this.#show(this.#presets.find(({ id }) => id === readStored(STORAGE_KEY, "")));
  }

  #chosen() {
    return this.#presets.find(({ id }) => id === this.#select.value);
  }

  async #load() {
    try {
      this.#presets = (await request("GET /api/account/presets")).presets;
    } catch (error) {
      toast(messageOf(error));
    }
    const options = this.#presets.map(({ id, name, default: isDefault }) => {
      return new Option(isDefault ? t("{name} (default)", { name }) : name, id);
    });
    this.#select.replaceChildren(new Option(t("None"), ""), ...options);
  }

  /** @param {Preset | undefined} preset */
  #choose(preset) {
    this.options.fill(preset?.options ?? {});
    this.#show(preset);
  }

  /** @param {Preset | undefined} preset */
  #show(preset) {
    this.#select.value = preset?.id ?? "";
    this.#delete.hidden = !preset;
    writeStored(STORAGE_KEY, preset?.id ?? "none");
  }

  /** Saves under a name; a preset of this name is replaced. @param {string} name @param {boolean} isDefault */
  async #save(name, isDefault) {
    const same = this.#presets.find((preset) => preset.name.toLowerCase() === name.toLowerCase());
    const body = { name, options: presetOptions(this.options.chosen()), default: isDefault };
    const saved = same
      ? await request("PUT /api/account/presets/{id}", { path: { id: same.id }, body })
      : await request("POST /api/account/presets", { body });
    await this.#load();
    this.#show(saved);
    toast(t("Preset “{name}” saved.", { name: saved.name }));
  }

  async #remove() {
    const preset = this.#chosen();
    if (!preset) return;
    try {
      await request("DELETE /api/account/presets/{id}", { path: { id: preset.id } });
      await this.#load();
      this.#show(undefined);
      this.#select.focus();
      toast(t("Preset “{name}” deleted.", { name: preset.name }));
    } catch (error) {
      toast(messageOf(error));
    }
  }
}

/** @param {Record<string, string>} chosen @returns {Record<string, string | number | boolean>} */
export function presetOptions(chosen) {
  const typed = Object.entries(chosen).map(([name, value]) => {
    if (NUMBERS.includes(name)) return [name, Number(value)];
    return [name, SWITCHES.includes(name) ? true : value];
  });
  return Object.fromEntries(typed);
}
