/** Passkeys of the account: made on this device, listed and removed. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, element, formById, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { browserName } from "../core/user-agent.js";
import { confirmed } from "../ui/confirm.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { createPasskey, hasPasskeys } from "./webauthn.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account/passkeys"]["passkeys"][number]} Passkey */

/** Starts the list, and the form behind its button. */
export function startPasskeys() {
  const form = formById("passkey-form");
  const open = byId("passkey-open");
  const name = /** @type {HTMLInputElement} */ (form.elements.namedItem("name"));
  const isPossible = hasPasskeys() && open.dataset.possible === "true"; // not at an IP address
  open.hidden = !isPossible;
  byId("passkeys-impossible").hidden = isPossible;
  open.addEventListener("click", () => {
    name.value = browserName(navigator.userAgent);
    form.hidden = false;
    name.select();
  });
  byId("passkey-cancel").addEventListener("click", () => {
    form.hidden = true;
    open.focus();
  });
  onSubmit(form, async (data) => {
    const credential = await createPasskey(await request("POST /api/account/passkeys/options"));
    await request("POST /api/account/passkeys", { body: { name: data.name ?? "", credential } });
    form.hidden = true;
    open.focus();
    toast(t("Passkey added."));
    await loadPasskeys();
  });
  void loadPasskeys();
}

async function loadPasskeys() {
  const list = byId("passkeys");
  try {
    const { passkeys } = await request("GET /api/account/passkeys");
    list.replaceChildren(...passkeys.map(passkeyItem));
    // People of a provider see the section if they have passkeys of earlier, to remove them.
    if (passkeys.length) byId("passkeys-section").hidden = false;
    if (!passkeys.length) list.append(element("li", t("No passkeys."), "soft"));
  } catch (error) {
    list.replaceChildren(element("li", messageOf(error), "soft"));
  }
}

/** @param {Passkey} passkey */
function passkeyItem(passkey) {
  const { name, host, created, last_used } = passkey;
  const item = element("li", undefined, "item");
  const text = element("div");
  const facts = element("p", undefined, "facts");
  showFacts(facts, [
    t("for {host}", { host }),
    t("since {created}", { created: dayAndTimeInline(created) }),
    last_used ? t("last used {last_used}", { last_used: dayAndTimeInline(last_used) }) : t("never used"),
  ]);
  text.append(element("strong", name), facts);
  const remove = button(t("Remove"), "button danger", () => void removePasskey(passkey));
  remove.setAttribute("aria-label", t("Remove {name}", { name }));
  item.append(text, remove);
  return item;
}

/** @param {Passkey} passkey */
async function removePasskey({ id, name }) {
  const text = t("Its device does not sign you in any more. Your password still does.");
  if (!(await confirmed({ title: t("Remove “{name}”?", { name }), text, action: t("Remove") }))) return;
  try {
    await request("DELETE /api/account/passkeys/{id}", { path: { id } });
    toast(t("Passkey removed."));
  } catch (error) {
    toast(messageOf(error));
  }
  await loadPasskeys();
}
