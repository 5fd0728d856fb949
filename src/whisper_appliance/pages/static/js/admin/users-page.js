/** The accounts: their roles and usage, the invitations, and who may use the appliance. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeCell } from "../core/datetime.js";
import { all, button, byId, element, formById, inputById, tableById } from "../core/dom.js";
import { bytes, duration } from "../core/format.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";
import { closeOnClick } from "../ui/dialog.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { actionsCell, tagCell } from "./cells.js";
import { startInvitations } from "./invitations.js";
import { keepFresh, startPanel } from "./panel.js";
import { UserDialog } from "./user-dialog.js";

const REFRESH_SECONDS = 60;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/users"]} Accounts
 * @typedef {Accounts["users"][number]} User
 * @typedef {Accounts["openness"]} AccessMode
 */

/** @type {Record<User["role"], string>} */
const ROLES = { owner: t("Owner"), admin: t("Admin"), member: t("Member") };

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  for (const each of all(root, "[data-closes]")) closeOnClick(each);
  startCopyButton("password-copy", inputById("password-text"), "Copied.");
  new UsersPage();
}

class UsersPage {
  #accessForm = formById("openness-form");
  /** Counts begun and finished changes, because a list that was requested before one is outdated. */
  #accessChanges = 0;
  #dialog = new UserDialog(() => this.refresh());
  #showInvitations = startInvitations(() => this.refresh());
  /** @type {Table<User>} */
  #table = new Table(tableById("users"), {
    columns: [
      { title: t("Name"), show: ({ name }) => element("strong", name), sort: ({ name }) => name },
      { title: t("Role"), show: roleCell, sort: ({ role }) => role },
      { title: t("This month"), show: describeAudio, sort: (user) => user.month_seconds, number: true },
      { title: t("Stored"), show: describeStorage, sort: (user) => user.storage_bytes, number: true },
      {
        title: t("Last seen"),
        show: (user) => dayAndTimeCell(user.last_seen),
        sort: (user) => user.last_seen,
      },
      { title: t("Actions"), show: (user) => this.#actionsCell(user), hideTitle: true },
    ],
    key: ({ id }) => id,
    empty: t("There are no accounts."),
    words: ({ name, role }) => `${name} ${role}`,
    order: [0, "ascending"],
  });

  constructor() {
    this.#table.filterBy(inputById("filter"));
    this.#accessForm.addEventListener("change", () => void this.#changeAccess());
    this.refresh = keepFresh(() => this.#load(), REFRESH_SECONDS);
  }

  async #load() {
    const before = this.#accessChanges;
    const {
      users,
      invitations,
      openness,
      visitors_month_seconds: used,
    } = await request("GET /api/admin/users");
    this.#table.show(users);
    this.#dialog.setUsers(users);
    this.#showInvitations(invitations);
    if (before === this.#accessChanges) {
      /** @type {RadioNodeList} */ (this.#accessForm.elements.namedItem("openness")).value = openness;
    }
    byId("visitors").textContent =
      used < 1 ? "" : t("Everybody without an account: {used} this month.", { used: duration(used) });
  }

  async #changeAccess() {
    const chosen = /** @type {AccessMode} */ (new FormData(this.#accessForm).get("openness"));
    this.#accessChanges += 1;
    try {
      await request("PUT /api/admin/openness", { body: { openness: chosen } });
      this.#accessChanges += 1;
      toast(
        chosen === "network" ? t("Open to anyone on its network.") : t("Open to people with an account."),
      );
    } catch (error) {
      this.#accessChanges += 1;
      toast(messageOf(error));
      await this.refresh();
    }
  }

  /** @param {User} user */
  #actionsCell(user) {
    const manage = button(t("Manage"), "button", () => this.#dialog.open(user));
    manage.setAttribute("aria-label", t("Manage {name}", { name: user.name }));
    const cell = actionsCell(manage);
    if (!user.manageable) cell.replaceChildren();
    return cell;
  }
}

/** @param {User} user */
function roleCell({ disabled, role }) {
  if (disabled) return tagCell("disabled", "bad");
  return tagCell(ROLES[role], role === "member" ? "" : "good");
}

/** @param {User} user */
function describeAudio({ month_seconds: seconds, quota: { minutes_per_month: minutes } }) {
  const used = seconds < 1 ? "–" : duration(seconds);
  return minutes ? t("{used} of {minutes}", { used, minutes: duration(minutes * 60) }) : used;
}

/** @param {User} user */
function describeStorage({ storage_bytes: used, quota: { storage_bytes: limit } }) {
  return limit ? t("{used} of {limit}", { used: bytes(used), limit: bytes(limit) }) : bytes(used);
}
