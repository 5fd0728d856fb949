/** Confirmation dialog for what cannot be undone. The most dangerous actions are confirmed by typing a name. */

import { byId, dialogById, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * @param {{title: string, text: string, action: string, name?: string}} question `action` is the word on the button;
 *   a `name` has to be typed first.
 * @returns {Promise<boolean>} True if it was confirmed.
 */
export function confirmed({ title, text, action, name = "" }) {
  const dialog = dialogById("confirm");
  const typed = inputById("confirm-name");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = action;
  byId("confirm-expected").textContent = name;
  byId("confirm-naming").hidden = !name;
  byId("confirm-wrong").textContent = "";
  typed.value = "";
  typed.removeAttribute("aria-invalid");
  return new Promise((resolve) => {
    let isConfirmed = false;
    byId("confirm-form").onsubmit = (event) => {
      isConfirmed = !name || typed.value.trim() === name;
      if (isConfirmed) return;
      event.preventDefault();
      byId("confirm-wrong").textContent = t("That is not {name}.", { name });
      typed.setAttribute("aria-invalid", "true");
      typed.focus();
    };
    byId("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => resolve(isConfirmed);
    dialog.showModal();
    (name ? typed : byId("confirm-no")).focus();
  });
}
