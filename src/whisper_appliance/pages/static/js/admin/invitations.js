/** Invitations: made in a dialog, listed, ended. */
import { ask } from "../core/api.js";
import { byId, element, showFacts } from "../core/dom.js";
import { onSubmit } from "../ui/form.js";
import { when } from "../core/datetime.js";
import { toast } from "../ui/toast.js";

/** @typedef {{id: string, role: string, note: string, created: string, expires: string}} Invitation */

/** @param {() => Promise<void>} refresh @returns {(invitations: Invitation[]) => void} Shows those that are open. */
export function startInvitations(refresh) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("invite-dialog"));
  const form = /** @type {HTMLFormElement} */ (byId("invite-form"));
  byId("invite-open").addEventListener("click", () => {
    form.reset();
    form.hidden = false;
    byId("invite-made").hidden = true;
    dialog.showModal();
  });
  onSubmit(form, async ({ note, role, days }) => {
    const made = await ask("/api/admin/invitations", {
      method: "POST",
      body: { note, role, days: Number(days) },
    });
    form.hidden = true;
    /** @type {HTMLInputElement} */ (byId("invite-link")).value = new URL(made.path, location.href).href;
    byId("invite-made").hidden = false;
    byId("invite-copy").focus();
    await refresh();
  });

  /** @param {Invitation} invitation */
  const revoke = async ({ id }) => {
    try {
      await ask(`/api/admin/invitations/${id}`, { method: "DELETE" });
      toast("Invitation ended.");
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
    await refresh();
  };

  /** @param {Invitation} invitation */
  const row = (invitation) => {
    const item = element("li", undefined, "item");
    const text = element("div");
    const facts = element("p", undefined, "facts");
    showFacts(facts, [invitation.role, `ends ${when(invitation.expires)}`]);
    text.append(element("strong", invitation.note || "Somebody"), facts);
    const end = element("button", "End", "button");
    end.type = "button";
    end.setAttribute("aria-label", `End the invitation for ${invitation.note || "somebody"}`);
    end.addEventListener("click", () => void revoke(invitation));
    item.append(text, end);
    return item;
  };

  return (invitations) => {
    byId("invitations").replaceChildren(...invitations.map(row));
    byId("invitations-section").hidden = !invitations.length;
  };
}
