/** What dialogs share: a click on the backdrop closes them, and so do their close buttons. */

/** @param {HTMLDialogElement} dialog */
export function closeOnBackdrop(dialog) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** @param {HTMLElement} button Closes the dialog that it is in. */
export function closeOnClick(button) {
  button.addEventListener("click", () => button.closest("dialog")?.close());
}
