/** The dialog in which a transcript is shared: with users by name, with everybody by a link. */
import { ask } from "../core/api.js";
import { byId, copyText, element, icon, showFacts } from "../core/dom.js";
import { onSubmit } from "../ui/form.js";
import { when } from "../core/datetime.js";
import { toast } from "../ui/toast.js";

/** @typedef {{id: string, user: string | null, path: string | null, created: string, expires: string | null}} Share */

/** @param {string} path */
const whole = (path) => new URL(path, location.href).href;

/** @param {string} label @param {string} text @param {string} sign @param {() => void} run */
function button(label, text, sign, run) {
  const made = element("button", undefined, "button");
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.append(icon(sign), element("span", text));
  made.addEventListener("click", run);
  return made;
}

export class ShareDialog {
  /** @param {string} id The transcript. */
  constructor(id) {
    this.path = `/api/transcripts/${id}/shares`;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("share-dialog"));
    byId("share-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    const user = /** @type {HTMLFormElement | null} */ (document.getElementById("share-user"));
    if (user) onSubmit(user, (data) => this.#withUser(user, data));
    onSubmit(/** @type {HTMLFormElement} */ (byId("share-link-form")), ({ days }) => this.#link(days));
  }

  /** Shows whom it is shared with. */
  async open() {
    this.dialog.showModal();
    await this.#load();
  }

  /** @param {HTMLFormElement} form @param {Record<string, string>} data */
  async #withUser(form, { user }) {
    const share = await ask(this.path, { method: "POST", body: { user } });
    form.reset();
    toast(`Shared with ${share.user}.`);
    await this.#load();
  }

  /** @param {string} days */
  async #link(days) {
    const { path } = await ask(this.path, { method: "POST", body: { days: days ? Number(days) : null } });
    await this.#load();
    await this.#copy(path);
  }

  async #load() {
    const list = byId("share-list");
    try {
      /** @type {{shares: Share[]}} */
      const { shares } = await ask(this.path);
      list.replaceChildren(...shares.map((share) => this.#row(share)));
      byId("share-nobody").hidden = shares.length > 0;
    } catch (error) {
      list.replaceChildren(element("li", /** @type {Error} */ (error).message, "soft"));
    }
  }

  /** @param {Share} share */
  #row(share) {
    const item = element("li", undefined, "share-row");
    const text = element("div");
    const name = share.user ?? "Anyone with the link";
    text.append(element("strong", name));
    const facts = element("p", undefined, "facts");
    showFacts(facts, [`since ${when(share.created)}`, share.expires && `ends ${when(share.expires)}`]);
    text.append(facts);
    const actions = element("div", undefined, "share-actions");
    if (share.path) {
      const path = share.path;
      actions.append(
        button(`Copy the link of ${when(share.created)}`, "Copy", "copy", () => void this.#copy(path)),
      );
    }
    actions.append(button(`Stop sharing with ${name}`, "Stop", "x", () => void this.#revoke(share)));
    item.append(text, actions);
    return item;
  }

  /** @param {string} path */
  async #copy(path) {
    const link = whole(path);
    await copyText(link).then(
      () => toast("Link copied."),
      () => toast(link),
    );
  }

  /** @param {Share} share */
  async #revoke(share) {
    try {
      await ask(`${this.path}/${share.id}`, { method: "DELETE" });
      toast(share.user ? `No longer shared with ${share.user}.` : "The link leads nowhere now.");
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
    await this.#load();
    byId("share-close").focus();
  }
}
