/** One account in a dialog: role, quotas, and what apart from that can be done to it. */
import { ask } from "../core/api.js";
import { byId, showFacts } from "../core/dom.js";
import { counted, span } from "../core/format.js";
import { onSubmit, say } from "../ui/form.js";
import { when } from "../core/datetime.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";

/** @typedef {import("./users-page.js").User} User */

const GIB = 2 ** 30;
const ROLES = {
  member: "Member: transcribes",
  admin: "Admin: runs the appliance",
  owner: "Owner: manages admins, too",
};

/** @param {string} text @returns {number | null} */
const number = (text) => (text === "" ? null : Number(text));

export class UserDialog {
  /** @param {() => Promise<void>} refresh */
  constructor(refresh) {
    this.refresh = refresh;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("user-dialog"));
    this.form = /** @type {HTMLFormElement} */ (byId("user-form"));
    this.removal = /** @type {HTMLFormElement} */ (byId("remove-form"));
    /** @type {User | undefined} */
    this.user = undefined;
    /** @type {User[]} */
    this.everybody = [];
    onSubmit(this.form, (data) => this.#save(data));
    onSubmit(this.removal, (data) => this.#remove(data));
    byId("user-sessions").addEventListener(
      "click",
      () => void this.#end("sessions", "Sign out everywhere?", "Signed out everywhere."),
    );
    byId("user-keys").addEventListener(
      "click",
      () => void this.#end("keys", "Revoke all keys?", "All keys are revoked."),
    );
    byId("user-password").addEventListener("click", () => void this.#password());
    byId("user-disable").addEventListener("click", () => void this.#disable());
    byId("user-delete").addEventListener("click", () => this.#askRemoval());
  }

  /** @param {User[]} users Who may inherit. */
  know(users) {
    this.everybody = users;
  }

  /** @param {User} user */
  open(user) {
    this.user = user;
    say(this.form, "");
    byId("user-title").textContent = user.name;
    showFacts(byId("user-facts"), [
      `since ${when(user.created)}`,
      counted(user.all_jobs, "recording"),
      user.all_seconds >= 1 ? `${span(user.all_seconds)} of audio` : null,
    ]);
    const roles = /** @type {HTMLSelectElement} */ (this.#field("role"));
    const offered = Object.entries(ROLES).filter(([role]) => role === user.role || this.#isOwner());
    roles.replaceChildren(...offered.map(([role, text]) => new Option(text, role)));
    roles.value = user.role;
    this.#fill("minutes", user.own_quota.minutes_per_month);
    this.#fill("storage", user.own_quota.storage_bytes === null ? null : user.own_quota.storage_bytes / GIB);
    this.#fill("waiting", user.own_quota.waiting_jobs);
    byId("user-disable").textContent = user.disabled ? "Enable" : "Disable";
    byId("password-made").hidden = true;
    this.dialog.showModal();
  }

  /** Only owners are offered to invite admins, so the page itself tells. */
  #isOwner() {
    return Boolean(document.querySelector('#invite-form option[value="owner"]'));
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement | HTMLSelectElement} */ (this.form.elements.namedItem(name));
  }

  /** @param {string} name @param {number | null} value */
  #fill(name, value) {
    this.#field(name).value = value === null ? "" : String(Math.round(value * 100) / 100);
  }

  #path() {
    return `/api/admin/users/${this.user?.id}`;
  }

  /** @param {Record<string, string>} data */
  async #save({ role, minutes, storage, waiting }) {
    const gib = number(storage);
    const quota = {
      minutes_per_month: number(minutes),
      storage_bytes: gib === null ? null : Math.round(gib * GIB),
      waiting_jobs: number(waiting),
    };
    await ask(this.#path(), { method: "PATCH", body: { role, quota } });
    this.dialog.close();
    toast("Saved.");
    await this.refresh();
  }

  /** @param {string} what @param {string} title @param {string} said */
  async #end(what, title, said) {
    const text =
      what === "keys"
        ? "Programs that use them are refused from now on."
        : "Every browser of theirs has to sign in anew.";
    if (!(await confirmed({ title, text, action: title.replace("?", "") }))) return;
    await this.#try(() => ask(`${this.#path()}/${what}`, { method: "DELETE" }), said);
  }

  async #password() {
    const text = "The present one is good no more, and they are signed out everywhere.";
    if (!(await confirmed({ title: "Make a new password?", text, action: "Make it" }))) return;
    await this.#try(async () => {
      const { password } = await ask(`${this.#path()}/password`, { method: "POST" });
      /** @type {HTMLInputElement} */ (byId("password-text")).value = password;
      byId("password-made").hidden = false;
      byId("password-copy").focus();
    }, "");
  }

  async #disable() {
    const disabled = !this.user?.disabled;
    const text =
      "They are signed out, their keys are refused, their public links lead nowhere. It can be undone.";
    if (disabled && !(await confirmed({ title: `Disable ${this.user?.name}?`, text, action: "Disable" })))
      return;
    const done = await this.#try(
      () => ask(this.#path(), { method: "PATCH", body: { disabled } }),
      disabled ? "Disabled." : "Enabled.",
    );
    if (done) this.dialog.close();
  }

  #askRemoval() {
    const user = /** @type {User} */ (this.user);
    this.dialog.close();
    byId("remove-title").textContent = `Delete ${user.name}?`;
    byId("remove-name").textContent = user.name;
    this.removal.reset();
    say(this.removal, "");
    const heirs = this.everybody.filter((each) => each.id !== user.id && !each.disabled);
    const select = /** @type {HTMLSelectElement} */ (this.removal.elements.namedItem("heir"));
    select.replaceChildren(
      new Option("are deleted with it", ""),
      ...heirs.map((each) => new Option(`go to ${each.name}, who can read them then`, each.name)),
    );
    /** @type {HTMLDialogElement} */ (byId("remove-dialog")).showModal();
  }

  /** @param {Record<string, string>} data */
  async #remove({ name, heir }) {
    await ask(this.#path(), { method: "DELETE", body: { name, heir: heir || null } });
    /** @type {HTMLDialogElement} */ (byId("remove-dialog")).close();
    toast("Account deleted.");
    await this.refresh();
  }

  /** @param {() => Promise<unknown>} run @param {string} said @returns {Promise<boolean>} */
  async #try(run, said) {
    try {
      await run();
      if (said) toast(said);
      await this.refresh();
      return true;
    } catch (error) {
      say(this.form, /** @type {Error} */ (error).message);
      return false;
    }
  }
}
