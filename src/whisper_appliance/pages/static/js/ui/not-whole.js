/** The notice that the page did not load whole, which style sheets show after some seconds. */

/** Removes the notice: this module, and all that the page imports with it, is there. */
export function removeNotWhole() {
  document.getElementById("not-whole")?.remove();
}
