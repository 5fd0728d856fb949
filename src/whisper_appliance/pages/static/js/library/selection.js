/** The selected transcripts of the library, and the bar of actions that appears with them. */

import { messageOf, request } from "../core/api.js";
import { all, byId, element, inputById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { toast } from "../ui/toast.js";
import { folderAt } from "./folder-paths.js";

/**
 * @typedef {import("../ui/transcript-row.js").Summary} Summary
 * @typedef {import("./folder-paths.js").Folder} Folder
 * @typedef {import("../core/api-types.d.ts").ActionBody["action"]} ActionName
 */

export class Selection {
  /** @type {Set<string>} */
  #ids = new Set();
  /** @type {HTMLInputElement | null} */
  #last = null;
  /** @type {Folder[]} */
  folders = [];

  /** @param {HTMLElement} rows @param {() => void} onChanged Called when transcripts were changed. */
  constructor(rows, onChanged) {
    this.rows = rows;
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
    byId("bar-clear").addEventListener("click", () => this.clear());
    byId("bar").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.clear();
    });
  }

  /** Gives a row its checkbox. @param {HTMLElement} row @param {Summary} summary */
  add(row, { id, title }) {
    const box = element("input", undefined, "row-check");
    box.type = "checkbox";
    box.setAttribute("aria-label", t("Select {title}", { title }));
    box.checked = this.#ids.has(id);
    box.addEventListener("click", (event) => this.#onClick(box, event.shiftKey));
    row.classList.add("selectable");
    row.prepend(box);
  }

  clear() {
    this.#ids.clear();
    this.#last = null;
    for (const box of this.#boxes()) box.checked = false;
    this.#show();
  }

  /** @returns {HTMLInputElement[]} */
  #boxes() {
    return all(this.rows, ".row-check");
  }

  /** @param {HTMLInputElement} box @param {boolean} toHere Whether to select all from the last one to this one. */
  #onClick(box, toHere) {
    const boxes = this.#boxes();
    const from = toHere && this.#last ? boxes.indexOf(this.#last) : -1;
    const to = boxes.indexOf(box);
    const range = from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const each of range) {
      each.checked = box.checked;
      const id = each.closest("li")?.dataset.id ?? "";
      if (box.checked) this.#ids.add(id);
      else this.#ids.delete(id);
    }
    this.#last = box;
    this.#show();
  }

  #show() {
    byId("bar").hidden = !this.#ids.size;
    byId("bar-count").textContent = tn("{count} selected", "{count} selected", this.#ids.size);
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
      const folder = await folderAt(field.value, this.folders);
      if (await this.#run("move", { folder })) field.value = "";
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** @param {ActionName} action @param {{tags?: string[], folder?: string | null}} [options] */
  async #run(action, options = {}) {
    const ids = [...this.#ids];
    try {
      const { changed } = await request("POST /api/library/actions", { body: { action, ids, ...options } });
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
      await request("POST /api/library/actions", { body: { action: "restore", ids } });
    } catch (error) {
      toast(messageOf(error));
    }
    this.onChanged();
  }
}
