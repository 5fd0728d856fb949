/** API keys of the account: created, shown once, revoked. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, element, formById, inputById, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { startCopyButton } from "../ui/copy-button.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account/keys"]["keys"][number]} Key */

/** Starts the list, and the form behind its button. */
export function startKeys() {
  const form = formById("key-form");
  const open = byId("key-open");
  open.addEventListener("click", () => {
    form.hidden = false;
    byId("key-made").hidden = true;
    form.querySelector("input")?.focus();
  });
  byId("key-cancel").addEventListener("click", () => {
    form.hidden = true;
    open.focus();
  });
  onSubmit(form, (data) => createKey(form, data));
  startCopyButton("key-copy", inputById("key-token"), t("Key copied."));
  void loadKeys();
}

/** @param {HTMLFormElement} form @param {Record<string, string>} data */
async function createKey(form, { name = "", days }) {
  const scopes = /** @type {Key["scopes"]} */ (new FormData(form).getAll("scope"));
  if (!scopes.length) return showFormError(form, t("Choose at least one permission for the key."));
  const body = { name, scopes, days: days ? Number(days) : null };
  const { token } = await request("POST /api/account/keys", { body });
  form.reset();
  form.hidden = true;
  inputById("key-token").value = token;
  byId("key-made").hidden = false;
  byId("key-copy").focus();
  await loadKeys();
}

async function loadKeys() {
  const list = byId("keys");
  try {
    const { keys } = await request("GET /api/account/keys");
    list.replaceChildren(...keys.map(keyItem));
    if (!keys.length)
      list.append(element("li", t("No keys. Make one for each program that uses the API."), "soft"));
  } catch (error) {
    list.replaceChildren(element("li", messageOf(error), "soft"));
  }
}

/** @param {Key} key */
function keyItem(key) {
  const item = element("li", undefined, "item");
  const text = element("div");
  text.append(element("strong", key.name), " ", element("code", `${key.hint}…`));
  const hasEnded = key.expires !== null && new Date(key.expires) <= new Date();
  const facts = element("p", undefined, "facts");
  showFacts(facts, [
    key.scopes.join(", "),
    key.last_used
      ? t("last used {last_used}", { last_used: dayAndTimeInline(key.last_used) })
      : t("never used"),
    key.expires
      ? `${hasEnded ? "ended" : "ends"} ${dayAndTimeInline(key.expires)}`
      : t("does not end by itself"),
  ]);
  text.append(facts);
  const revoke = button(t("Revoke"), "button danger", () => void revokeKey(key));
  revoke.setAttribute("aria-label", t("Revoke {name}", { name: key.name }));
  item.append(text, revoke);
  return item;
}

/** @param {Key} key */
async function revokeKey({ id, name }) {
  const text = t("Programs that use it are refused from now on. This cannot be undone.");
  if (!(await confirmed({ title: t("Revoke “{name}”?", { name }), text, action: t("Revoke") }))) return;
  try {
    await request("DELETE /api/account/keys/{id}", { path: { id } });
    toast(t("Key revoked."));
  } catch (error) {
    toast(messageOf(error));
  }
  await loadKeys();
}
