/** The dialog that shares the chosen folder with users: everything in it, also what comes later. */

import { messageOf, request } from "../core/api.js";
import { button, byId, dialogById, element, formById, icon, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";
import { ROLE_WORDS, roleOf } from "../ui/share-roles.js";
import { toast } from "../ui/toast.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/library"]["folders"][number]} Folder
 * @typedef {import("../core/api.js").Responses["GET /api/library/folders/{id}/shares"]["shares"][number]} Share
 */

export class FolderSharing {
  /** @type {Folder | undefined} */
  #folder;
  #open = document.getElementById("share-folder"); // only for signed-in users

  constructor() {
    if (!this.#open) return;
    this.#open.addEventListener("click", () => void this.#show());
    closeOnClick(byId("folder-share-close"));
    closeOnBackdrop(dialogById("folder-share-dialog"));
    const form = /** @type {HTMLFormElement} */ (formById("folder-share-form"));
    onSubmit(form, async ({ user = "", role }) => {
      const body = { user, role: roleOf(role) };
      const share = await request("POST /api/library/folders/{id}/shares", { path: this.#path, body });
      form.reset();
      toast(t("Shared with {user}.", { user: share.user }));
      await this.#load();
    });
  }

  get #path() {
    return { id: this.#folder?.id ?? "" };
  }

  /** Offers to share the folder that the list is filtered by. @param {Folder | undefined} folder */
  offer(folder) {
    this.#folder = folder;
    if (this.#open) this.#open.hidden = !folder;
  }

  async #show() {
    byId("folder-share-name").textContent = this.#folder?.name ?? "";
    dialogById("folder-share-dialog").showModal();
    await this.#load();
  }

  async #load() {
    const list = byId("folder-share-list");
    try {
      const { shares } = await request("GET /api/library/folders/{id}/shares", { path: this.#path });
      list.replaceChildren(...shares.map((share) => this.#row(share)));
      byId("folder-share-nobody").hidden = shares.length > 0;
    } catch (error) {
      list.replaceChildren(element("li", messageOf(error), "soft"));
    }
  }

  /** @param {Share} share */
  #row(share) {
    const { user: name, role } = share;
    const item = element("li", undefined, "share-row");
    const text = element("div");
    const facts = element("p", undefined, "facts");
    showFacts(facts, [ROLE_WORDS[role]]);
    text.append(element("strong", name), facts);
    const stop = button("", "button", () => void this.#revoke(share));
    stop.setAttribute("aria-label", t("Stop sharing with {name}", { name }));
    stop.append(icon("x"), element("span", t("Stop")));
    item.append(text, stop);
    return item;
  }

  /** @param {Share} share */
  async #revoke({ id, user }) {
    try {
      const path = { ...this.#path, share: id };
      await request("DELETE /api/library/folders/{id}/shares/{share}", { path });
      toast(t("No longer shared with {user}.", { user }));
    } catch (error) {
      toast(messageOf(error));
    }
    await this.#load();
    byId("folder-share-close").focus();
  }
}
