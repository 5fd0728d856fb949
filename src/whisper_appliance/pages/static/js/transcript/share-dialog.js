/** The dialog that shares a transcript: with a user by name, with anyone by a public link. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, dialogById, element, formById, icon, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { copyText } from "../ui/copy-button.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";
import { ROLE_WORDS, roleOf } from "../ui/share-roles.js";
import { toast } from "../ui/toast.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}/shares"]["shares"][number]} Share
 * @typedef {import("../ui/share-roles.js").Role} Role
 */

/** @param {string} label @param {string} text @param {string} sign @param {() => void} run */
function iconButton(label, text, sign, run) {
  const created = button("", "button", run);
  created.setAttribute("aria-label", label);
  created.append(icon(sign), element("span", text));
  return created;
}

/** @param {string} path */
async function copyLink(path) {
  const link = new URL(fromRoot(path), location.href).href;
  await copyText(link, t("Link copied."), () => toast(link));
}

export class ShareDialog {
  /** @param {string} id Of the transcript. @param {HTMLElement} root */
  constructor(id, root) {
    this.path = { id };
    this.dialog = dialogById("share-dialog");
    closeOnClick(byId("share-close"));
    closeOnBackdrop(this.dialog);
    const users = /** @type {HTMLFormElement | null} */ (root.querySelector("#share-user")); // only for signed-in users
    if (users) onSubmit(users, ({ user = "", role }) => this.#shareWithUser(users, user, roleOf(role)));
    onSubmit(formById("share-link-form"), ({ days, audio }) =>
      this.#createLink(days ? Number(days) : null, Boolean(audio)),
    );
  }

  /** @param {boolean} isKept Whether there is a recording that a link can include. */
  setRecording(isKept) {
    byId("share-audio").hidden = !isKept;
  }

  async open() {
    this.dialog.showModal();
    await this.#load();
  }

  /** @param {HTMLFormElement} form @param {string} user @param {Role} role */
  async #shareWithUser(form, user, role) {
    const share = await request("POST /api/transcripts/{id}/shares", {
      path: this.path,
      body: { user, role },
    });
    form.reset();
    toast(t("Shared with {user}.", { user: share.user }));
    await this.#load();
  }

  /**
   * @param {number | null} days Until it ends; null: until it is revoked.
   * @param {boolean} audio Whether it includes the recording.
   */
  async #createLink(days, audio) {
    const { path } = await request("POST /api/transcripts/{id}/shares", {
      path: this.path,
      body: { days, audio },
    });
    await this.#load();
    if (path) await copyLink(path);
  }

  async #load() {
    const list = byId("share-list");
    try {
      const { shares } = await request("GET /api/transcripts/{id}/shares", { path: this.path });
      list.replaceChildren(...shares.map((share) => this.#row(share)));
      byId("share-nobody").hidden = shares.length > 0;
    } catch (error) {
      list.replaceChildren(element("li", messageOf(error), "soft"));
    }
  }

  /** @param {Share} share */
  #row(share) {
    const { user, path, created, expires, audio, role } = share;
    const item = element("li", undefined, "share-row");
    const text = element("div");
    const name = user ?? t("Anyone with the link");
    const facts = element("p", undefined, "facts");
    showFacts(facts, [
      t("since {created}", { created: dayAndTimeInline(created) }),
      user ? ROLE_WORDS[role] : null,
      audio ? t("with the recording") : null,
      expires && t("ends {expires}", { expires: dayAndTimeInline(expires) }),
    ]);
    text.append(element("strong", name), facts);
    const actions = element("div", undefined, "share-actions");
    if (path) {
      const label = t("Copy the link of {created}", { created: dayAndTimeInline(created) });
      actions.append(iconButton(label, t("Copy"), "copy", () => void copyLink(path)));
    }
    actions.append(
      iconButton(t("Stop sharing with {name}", { name }), t("Stop"), "x", () => void this.#revoke(share)),
    );
    item.append(text, actions);
    return item;
  }

  /** @param {Share} share */
  async #revoke({ id, user }) {
    try {
      const path = { ...this.path, share: id };
      await request("DELETE /api/transcripts/{id}/shares/{share}", { path });
      toast(user ? t("No longer shared with {user}.", { user }) : t("The link no longer works."));
    } catch (error) {
      toast(messageOf(error));
    }
    await this.#load();
    byId("share-close").focus();
  }
}
