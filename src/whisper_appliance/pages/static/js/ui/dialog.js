/** What dialogs share: what closes them, and where the focus goes then. */

/** @param {HTMLDialogElement} dialog */
export function closeOnBackdrop(dialog) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** @param {HTMLElement} button Closes the dialog that it is in. */
export function closeOnClick(button) {
  button.addEventListener("click", () => button.closest("dialog")?.close());
}

/**
 * What had the focus before a dialog may be gone when it closes: then a control gets it, so that keys work on.
 * @param {HTMLDialogElement} dialog @param {HTMLElement} control
 */
export function focusAfter(dialog, control) {
  dialog.addEventListener("close", () => {
    const focused = document.activeElement;
    if (focused === document.body || dialog.contains(focused)) control.focus();
  });
}
