/** Invitations: created in a dialog, listed, ended. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, dialogById, element, formById, inputById, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/admin/users"]["invitations"][number]} Invitation */

/** @param {() => Promise<void>} refresh @returns {(invitations: Invitation[]) => void} Shows the open invitations. */
export function startInvitations(refresh) {
  const form = formById("invite-form");
  byId("invite-open").addEventListener("click", () => {
    form.reset();
    form.hidden = false;
    byId("invite-made").hidden = true;
    dialogById("invite-dialog").showModal();
  });
  onSubmit(form, async (data) => {
    const role = /** @type {Invitation["role"]} */ (data.role);
    const body = { note: data.note, role, days: Number(data.days) };
    const { path } = await request("POST /api/admin/invitations", { body });
    form.hidden = true;
    inputById("invite-link").value = new URL(fromRoot(path), location.href).href;
    byId("invite-made").hidden = false;
    byId("invite-copy").focus();
    await refresh();
  });
  startCopyButton("invite-copy", inputById("invite-link"), "Copied.");
  return (invitations) => {
    byId("invitations").replaceChildren(...invitations.map((each) => invitationItem(each, refresh)));
    byId("invitations-section").hidden = !invitations.length;
  };
}

/** @param {Invitation} invitation @param {() => Promise<void>} refresh */
function invitationItem({ id, role, note, expires }, refresh) {
  const item = element("li", undefined, "item");
  const text = element("div");
  const facts = element("p", undefined, "facts");
  showFacts(facts, [role, t("ends {expires}", { expires: dayAndTimeInline(expires) })]);
  text.append(element("strong", note || t("Somebody")), facts);
  const end = button(t("End"), "button", () => void endInvitation(id, refresh));
  end.setAttribute("aria-label", t("End the invitation for {note}", { note: note || "somebody" }));
  item.append(text, end);
  return item;
}

/** @param {string} id @param {() => Promise<void>} refresh */
async function endInvitation(id, refresh) {
  try {
    await request("DELETE /api/admin/invitations/{id}", { path: { id } });
    toast(t("Invitation ended."));
  } catch (error) {
    toast(messageOf(error));
  }
  await refresh();
}
