/** Asks before something that cannot be undone; the dangerous ones are confirmed by name. */
import { byId } from "../core/dom.js";

/**
 * @param {{title: string, text: string, action: string, name?: string}} question `action` is the word on the button;
 *   with a `name`, that has to be typed first.
 * @returns {Promise<boolean>} Whether to do it.
 */
export function confirmed({ title, text, action, name = "" }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  const typed = /** @type {HTMLInputElement} */ (byId("confirm-name"));
  const wrong = byId("confirm-wrong");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = action;
  byId("confirm-expected").textContent = name;
  byId("confirm-naming").hidden = !name;
  typed.value = "";
  const say = (/** @type {string} */ sentence) => {
    wrong.textContent = sentence;
    typed.setAttribute("aria-invalid", sentence ? "true" : "false");
  };
  say("");
  typed.removeAttribute("aria-invalid");
  return new Promise((resolve) => {
    let answer = false;
    byId("confirm-form").onsubmit = (event) => {
      if (name && typed.value.trim() !== name) {
        event.preventDefault();
        say(`That is not ${name}.`);
        typed.focus();
        return;
      }
      answer = true;
    };
    byId("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
    (name ? typed : byId("confirm-no")).focus();
  });
}
