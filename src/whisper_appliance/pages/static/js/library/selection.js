/** The selected transcripts of the library, and the bar of actions that appears with them. */

import { messageOf, request } from "../core/api.js";
import { all, byId, element, inputById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { toast } from "../ui/toast.js";
import { BulkActions } from "./bulk-actions.js";
import { folderAt, foldersByPath } from "./folder-paths.js";
import { indexOf } from "./windowed-list.js";

/**
 * @typedef {import("../ui/transcript-row.js").Summary} Summary
 * @typedef {import("./folder-paths.js").Folder} Folder
 * @typedef {import("../core/api.js").Responses["GET /api/library"]} Library
 * @typedef {import("../core/api-types.d.ts").ActionBody["action"]} ActionName
 */
/** @template T @typedef {import("./windowed-list.js").WindowedList<T>} WindowedList */

const MOST_AT_ONCE = 1000; // of one request

export class Selection {
  /** @type {Set<string>} */
  #ids = new Set();
  /** The place in the list of the checkbox that was clicked last. */
  #last = -1;
  /** @type {Folder[]} */
  #folders = [];

  /** @param {WindowedList<Summary>} list @param {() => void} onChanged Called when transcripts were changed. */
  constructor(list, onChanged) {
    this.list = list;
    this.onChanged = onChanged;
    for (const name of /** @type {const} */ (["favourite", "unfavourite", "delete", "restore"])) {
      byId(`bar-${name}`).addEventListener("click", () => void this.#run(name));
    }
    byId("bar-tag-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#tag();
    });
    byId("bar-folder-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#move();
    });
    new BulkActions(() => [...this.#ids]);
    byId("bar-all").addEventListener("click", () => void this.#selectAll());
    byId("bar-clear").addEventListener("click", () => this.clear());
    byId("bar").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.clear();
    });
  }

  /** Suggests the names of tags and folders that there are. @param {Library} library */
  fill({ tags, folders }) {
    this.#folders = folders;
    suggest(
      "tag-names",
      tags.map(({ name }) => name),
    );
    suggest("folder-names", [...foldersByPath(folders).keys()]);
  }

  /** Gives a row its checkbox. @param {HTMLElement} row @param {Summary} summary */
  add(row, { id, title }) {
    const box = element("input", undefined, "row-check");
    box.type = "checkbox";
    box.setAttribute("aria-label", t("Select {title}", { title }));
    box.checked = this.#ids.has(id);
    box.addEventListener("click", (event) => void this.#onClick(box, event.shiftKey));
    row.classList.add("selectable");
    row.prepend(box);
  }

  clear() {
    this.#ids.clear();
    this.#last = -1;
    this.#show();
  }

  /** @param {HTMLInputElement} box @param {boolean} toHere Whether to select all from the last one to this one. */
  async #onClick(box, toHere) {
    const index = indexOf(/** @type {HTMLElement} */ (box.closest(".row")));
    const from = toHere && this.#last >= 0 ? this.#last : index;
    const { checked } = box;
    this.#last = index;
    try {
      for (const { id } of await this.list.items(Math.min(from, index), Math.max(from, index))) {
        if (checked) this.#ids.add(id);
        else this.#ids.delete(id);
      }
    } catch (error) {
      toast(messageOf(error));
    }
    this.#show();
  }

  async #selectAll() {
    try {
      for (const { id } of await this.list.items(0, this.list.total - 1)) this.#ids.add(id);
    } catch (error) {
      toast(messageOf(error));
    }
    this.#show();
  }

  #show() {
    for (const row of all(this.list.container, ".row.selectable")) {
      const box = /** @type {HTMLInputElement} */ (row.querySelector(".row-check"));
      box.checked = this.#ids.has(row.dataset.id ?? "");
    }
    const { size } = this.#ids;
    byId("bar").hidden = !size;
    byId("bar-count").textContent = tn("{count} selected", "{count} selected", size);
    byId("bar-all").hidden = size >= this.list.total;
    byId("bar-all").textContent = t("Select all {total}", { total: this.list.total });
  }

  /** Shows the actions of the trash, or those of the library. @param {boolean} isTrash */
  showTrash(isTrash) {
    for (const control of all(byId("bar"), "[data-kept]")) control.hidden = isTrash;
    byId("bar-restore").hidden = !isTrash;
  }

  async #tag() {
    const field = inputById("bar-tag");
    const tags = field.value.split(",").filter((name) => name.trim());
    if (tags.length && (await this.#run("tag", { tags }))) field.value = "";
  }

  async #move() {
    const field = inputById("bar-folder");
    try {
      const folder = await folderAt(field.value, this.#folders);
      if (await this.#run("move", { folder })) field.value = "";
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** @param {ActionName} action @param {{tags?: string[], folder?: string | null}} [options] */
  async #run(action, options = {}) {
    try {
      const changed = await runInBatches([...this.#ids], { action, ...options });
      this.clear();
      this.onChanged();
      const undo =
        action === "delete" ? { label: t("Undo"), run: () => void this.#restore(changed) } : undefined;
      toast(tn("{count} transcript changed.", "{count} transcripts changed.", changed.length), undo);
      return true;
    } catch (error) {
      toast(messageOf(error));
      return false;
    }
  }

  /** @param {string[]} ids */
  async #restore(ids) {
    try {
      await runInBatches(ids, { action: "restore" });
    } catch (error) {
      toast(messageOf(error));
    }
    this.onChanged();
  }
}

/**
 * @param {string[]} ids
 * @param {{action: ActionName, tags?: string[], folder?: string | null}} action
 * @returns {Promise<string[]>} The ids of those that it was done to.
 */
async function runInBatches(ids, action) {
  const changed = [];
  for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
    const body = { ...action, ids: ids.slice(start, start + MOST_AT_ONCE) };
    changed.push(...(await request("POST /api/library/actions", { body })).changed);
  }
  return changed;
}

/** Fills a list of suggestions for a field. @param {string} id @param {string[]} names */
function suggest(id, names) {
  byId(id).replaceChildren(
    ...names.map((name) => {
      const option = element("option");
      option.value = name;
      return option;
    }),
  );
}
