/** The folders that others shared with the reader: one is chosen to see only what is in it, or left. */

import { messageOf, request } from "../core/api.js";
import { byId, element, fromTemplate, slot } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { ROLE_WORDS } from "../ui/share-roles.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/library"]["shared_folders"][number]} SharedFolder */

export class SharedFolders {
  /** @param {{onChosen: (id: string) => void, onLeft: () => void}} events `id` is empty for all. */
  constructor({ onChosen, onLeft }) {
    this.onChosen = onChosen;
    this.onLeft = onLeft;
  }

  /** @param {SharedFolder[]} folders @param {string} chosen The id of the chosen one. */
  show(folders, chosen) {
    byId("shared-folder-list").replaceChildren(...folders.map((folder) => this.#row(folder, chosen)));
    byId("shared-folder-list").hidden = !folders.length;
  }

  /** @param {SharedFolder} folder @param {string} chosen */
  #row(folder, chosen) {
    const { id, name, role, shared_by: owner } = folder;
    const row = fromTemplate("shared-folder-template");
    const choose = slot(row, "choose");
    slot(row, "name").textContent = name;
    slot(row, "from").textContent = [
      t("from {shared_by}", { shared_by: owner ?? "" }),
      ROLE_WORDS[role],
    ].join(" · ");
    choose.setAttribute("aria-pressed", String(id === chosen));
    choose.addEventListener("click", () => this.onChosen(id === chosen ? "" : id));
    const leave = slot(row, "leave");
    leave.append(element("span", t("Leave the folder {name}", { name }), "hidden"));
    leave.addEventListener("click", () => void this.#leave(folder));
    return row;
  }

  /** @param {SharedFolder} folder */
  async #leave({ id, name }) {
    const text = t("You do not see what is in it any more. Only its owner can share it with you again.");
    if (!(await confirmed({ title: t("Leave the folder {name}?", { name }), text, action: t("Leave") })))
      return;
    try {
      await request("DELETE /api/library/shared-folders/{id}", { path: { id } });
      toast(t("You have left the folder {name}.", { name }));
    } catch (error) {
      toast(messageOf(error));
    }
    this.onLeft();
  }
}
