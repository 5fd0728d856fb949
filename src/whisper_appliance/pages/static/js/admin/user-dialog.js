/** The dialog of one account: role and quotas; sessions, keys, password; disabling and deleting it. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { byId, dialogById, formById, inputById, showFacts } from "../core/dom.js";
import { duration } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/admin/users"]["users"][number]} User */

const GIB = 2 ** 30;
/** @type {Record<User["role"], string>} */
const ROLES = {
  member: t("Member: transcribes"),
  admin: t("Admin: runs the appliance"),
  owner: t("Owner: manages admins, too"),
};

/** @param {string | undefined} text @returns {number | null} Null for an empty field. */
const numberOf = (text) => (text ? Number(text) : null);

export class UserDialog {
  #dialog = dialogById("user-dialog");
  #form = formById("user-form");
  #removalForm = formById("remove-form");
  /** @type {User | undefined} */
  #user;
  /** @type {User[]} */
  #users = [];

  /** @param {() => Promise<void>} refresh */
  constructor(refresh) {
    this.refresh = refresh;
    onSubmit(this.#form, (data) => this.#save(data));
    onSubmit(this.#removalForm, (data) => this.#delete(data));
    byId("user-sessions").addEventListener("click", () => void this.#endSessions());
    byId("user-keys").addEventListener("click", () => void this.#revokeKeys());
    byId("user-password").addEventListener("click", () => void this.#newPassword());
    byId("user-second-factor").addEventListener("click", () => void this.#resetSecondFactor());
    byId("user-disable").addEventListener("click", () => void this.#toggleDisabled());
    byId("user-delete").addEventListener("click", () => this.#openRemoval());
  }

  /** @param {User[]} users To whom the transcripts of a deleted account can go. */
  setUsers(users) {
    this.#users = users;
  }

  /** @param {User} user */
  open(user) {
    this.#user = user;
    showFormError(this.#form, "");
    byId("user-title").textContent = user.name;
    showFacts(byId("user-facts"), [
      t("since {created}", { created: dayAndTimeInline(user.created) }),
      user.provider ? t("signs in with {provider}", { provider: user.provider }) : null,
      tn("{count} recording", "{count} recordings", user.all_jobs),
      user.all_seconds >= 1 ? t("{all_seconds} of audio", { all_seconds: duration(user.all_seconds) }) : null,
    ]);
    this.#showRoles(user);
    const { minutes_per_month, storage_bytes, waiting_jobs } = user.own_quota;
    this.#showNumber("minutes", minutes_per_month);
    this.#showNumber("storage", storage_bytes === null ? null : storage_bytes / GIB);
    this.#showNumber("waiting", waiting_jobs);
    byId("user-disable").textContent = user.disabled ? t("Enable") : t("Disable");
    const isOwn = user.id === this.#dialog.dataset.own; // one's own account has a page
    byId("user-password").hidden = isOwn;
    byId("user-second-factor").hidden = isOwn || !user.second_factor;
    byId("user-delete").hidden = isOwn;
    byId("password-made").hidden = true;
    this.#dialog.showModal();
  }

  /** @param {User} user Owners can give every role; others see only the present one. */
  #showRoles({ role: current }) {
    // The page offers owners, and only them, to invite an owner.
    const isOwner = document.querySelector('#invite-form option[value="owner"]') !== null;
    const roles = Object.entries(ROLES).filter(([role]) => role === current || isOwner);
    const select = /** @type {HTMLSelectElement} */ (this.#field("role"));
    select.replaceChildren(...roles.map(([role, text]) => new Option(text, role)));
    select.value = current;
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement | HTMLSelectElement} */ (this.#form.elements.namedItem(name));
  }

  /** @param {string} name @param {number | null} value */
  #showNumber(name, value) {
    this.#field(name).value = value === null ? "" : String(Math.round(value * 100) / 100);
  }

  get #path() {
    return { id: this.#user?.id ?? "" };
  }

  /** @param {Record<string, string>} data */
  async #save(data) {
    const gib = numberOf(data.storage);
    const quota = {
      minutes_per_month: numberOf(data.minutes),
      storage_bytes: gib === null ? null : Math.round(gib * GIB),
      waiting_jobs: numberOf(data.waiting),
    };
    const role = /** @type {User["role"]} */ (data.role);
    await request("PATCH /api/admin/users/{id}", { path: this.#path, body: { role, quota } });
    this.#dialog.close();
    toast(t("Saved."));
    await this.refresh();
  }

  async #endSessions() {
    const text = t("Every browser of theirs has to sign in again.");
    const action = t("Sign out everywhere");
    if (!(await confirmed({ title: `${action}?`, text, action }))) return;
    const end = () => request("DELETE /api/admin/users/{id}/sessions", { path: this.#path });
    await this.#try(end, t("Signed out everywhere."));
  }

  async #revokeKeys() {
    const text = t("Programs that use them are refused from now on.");
    const action = t("Revoke all keys");
    if (!(await confirmed({ title: `${action}?`, text, action }))) return;
    const revoke = () => request("DELETE /api/admin/users/{id}/keys", { path: this.#path });
    await this.#try(revoke, t("All keys are revoked."));
  }

  async #newPassword() {
    const text = t("The present one stops working, and they are signed out everywhere.");
    if (!(await confirmed({ title: t("Make a new password?"), text, action: t("Make it") }))) return;
    await this.#try(async () => {
      const { password } = await request("POST /api/admin/users/{id}/password", { path: this.#path });
      inputById("password-text").value = password;
      byId("password-made").hidden = false;
      byId("password-copy").focus();
    }, "");
  }

  async #resetSecondFactor() {
    const text = t(
      "For somebody who lost the phone and the recovery codes. Passkeys are removed, and the password alone is enough then.",
    );
    const title = t("Turn the second factor of {name} off?", { name: this.#user?.name });
    if (!(await confirmed({ title, text, action: t("Turn off") }))) return;
    const reset = () => request("DELETE /api/admin/users/{id}/second-factor", { path: this.#path });
    const isDone = await this.#try(reset, t("The second factor is off."));
    if (isDone) byId("user-second-factor").hidden = true;
  }

  async #toggleDisabled() {
    const disabled = !this.#user?.disabled;
    const title = t("Disable {name}?", { name: this.#user?.name });
    const text = t(
      "They are signed out, their keys are refused, their public links stop working. It can be undone.",
    );
    if (disabled && !(await confirmed({ title, text, action: t("Disable") }))) return;
    const change = () => request("PATCH /api/admin/users/{id}", { path: this.#path, body: { disabled } });
    const isDone = await this.#try(change, disabled ? "Disabled." : "Enabled.");
    if (isDone) this.#dialog.close();
  }

  #openRemoval() {
    const { id, name } = /** @type {User} */ (this.#user);
    this.#dialog.close();
    byId("remove-title").textContent = t("Delete {name}?", { name });
    byId("remove-name").textContent = name;
    this.#removalForm.reset();
    showFormError(this.#removalForm, "");
    const heirs = this.#users.filter((each) => each.id !== id && !each.disabled);
    const options = heirs.map(
      (each) => new Option(t("go to {name}, who can read them then", { name: each.name }), each.name),
    );
    const select = /** @type {HTMLSelectElement} */ (this.#removalForm.elements.namedItem("heir"));
    select.replaceChildren(new Option(t("are deleted with it"), ""), ...options);
    dialogById("remove-dialog").showModal();
  }

  /** @param {Record<string, string>} data */
  async #delete({ name = "", heir }) {
    await request("DELETE /api/admin/users/{id}", { path: this.#path, body: { name, heir: heir || null } });
    dialogById("remove-dialog").close();
    toast(t("Account deleted."));
    await this.refresh();
  }

  /** @param {() => Promise<unknown>} run @param {string} done A toast; empty: none. @returns {Promise<boolean>} */
  async #try(run, done) {
    try {
      await run();
      if (done) toast(done);
      await this.refresh();
      return true;
    } catch (error) {
      showFormError(this.#form, messageOf(error));
      return false;
    }
  }
}
