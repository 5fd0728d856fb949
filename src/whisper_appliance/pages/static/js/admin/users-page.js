/** Everybody with an account: who they are, what they use, and what can be done about it. */
import { ask } from "../core/api.js";
import { byId, copyText, element } from "../core/dom.js";
import { bytes, span } from "../core/format.js";
import { moment } from "../core/datetime.js";
import { toast } from "../ui/toast.js";
import { startInvitations } from "./invitations.js";
import { keepFresh, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";
import { UserDialog } from "./user-dialog.js";

/**
 * @typedef {{minutes_per_month: number | null, storage_bytes: number | null, waiting_jobs: number | null}} Quota
 * @typedef {{id: string, name: string, role: "owner" | "admin" | "member", disabled: boolean, created: string,
 *   last_seen: string | null, month_seconds: number, all_seconds: number, all_jobs: number, storage_bytes: number,
 *   quota: Quota, own_quota: Quota, manageable: boolean}} User
 */

const ROLES = { owner: "Owner", admin: "Admin", member: "Member" };

/** @param {User} user */
function state(user) {
  const tag = element("span", user.disabled ? "disabled" : ROLES[user.role], "tag");
  tag.dataset.tone = user.disabled ? "bad" : user.role === "member" ? "" : "good";
  return tag;
}

/** @param {User} user */
function audio({ month_seconds: used, quota: { minutes_per_month: minutes } }) {
  const shown = used < 1 ? "–" : span(used);
  return minutes ? `${shown} of ${span(minutes * 60)}` : shown;
}

/** @param {User} user */
function stored({ storage_bytes: used, quota: { storage_bytes: limit } }) {
  return limit ? `${bytes(used)} of ${bytes(limit)}` : bytes(used);
}

/** @param {User} user */
function actions(user) {
  const box = element("div", undefined, "cell-actions");
  if (!user.manageable) return box;
  const button = element("button", "Manage", "button");
  button.type = "button";
  button.setAttribute("aria-label", `Manage ${user.name}`);
  button.addEventListener("click", () => dialog.open(user));
  box.append(button);
  return box;
}

const table = new Table(/** @type {HTMLTableElement} */ (byId("users")), {
  columns: [
    { title: "Name", show: (user) => element("strong", user.name), sort: (user) => user.name },
    { title: "Role", show: state, sort: (user) => user.role },
    { title: "This month", show: audio, sort: (user) => user.month_seconds, number: true },
    { title: "Stored", show: stored, sort: (user) => user.storage_bytes, number: true },
    { title: "Last seen", show: (user) => moment(user.last_seen), sort: (user) => user.last_seen },
    { title: "Actions", show: actions, hideTitle: true },
  ],
  key: (/** @type {User} */ user) => user.id,
  empty: "There are no accounts.",
  words: (user) => `${user.name} ${user.role}`,
  order: [0, "ascending"],
});
table.filterBy(/** @type {HTMLInputElement} */ (byId("filter")));

const openness = /** @type {HTMLFormElement} */ (byId("openness-form"));
let choices = 0; // begun and settled: what was asked for before the latest is not shown
openness.addEventListener("change", async () => {
  const chosen = String(new FormData(openness).get("openness"));
  choices += 1;
  try {
    await ask("/api/admin/openness", { method: "PUT", body: { openness: chosen } });
    choices += 1;
    toast(chosen === "network" ? "Open to anyone on its network." : "Open to people with an account.");
  } catch (error) {
    choices += 1;
    toast(/** @type {Error} */ (error).message);
    await refresh();
  }
});

async function load() {
  const before = choices;
  const answer = await ask("/api/admin/users");
  table.show(answer.users);
  dialog.know(answer.users);
  invitations(answer.invitations);
  if (before === choices) {
    /** @type {RadioNodeList} */ (openness.elements.namedItem("openness")).value = answer.openness;
  }
  const used = answer.visitors_month_seconds;
  byId("visitors").textContent = used < 1 ? "" : `Everybody without an account: ${span(used)} this month.`;
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-closes]"))) {
  button.addEventListener("click", () => button.closest("dialog")?.close());
}
byId("password-copy").addEventListener("click", () => void copy("password-text"));
byId("invite-copy").addEventListener("click", () => void copy("invite-link"));

/** @param {string} id */
async function copy(id) {
  const input = /** @type {HTMLInputElement} */ (byId(id));
  await copyText(input.value).then(
    () => toast("Copied."),
    () => input.select(),
  );
}

startPanel();
const dialog = new UserDialog(() => refresh());
const invitations = startInvitations(() => refresh());
const refresh = keepFresh(load, 60);
