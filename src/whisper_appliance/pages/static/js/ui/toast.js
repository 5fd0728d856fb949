/** Toast: one sentence at the foot of the page for some seconds, with at most one action. */
import { button, byId, element } from "../core/dom.js";

const SECONDS = 10;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function hideToast() {
  clearTimeout(timer);
  byId("toast").replaceChildren();
}

/** Moves the toast into an open dialog, outside of which nothing can be reached; it stays when the dialog closes. */
function placeToast() {
  const dialog = document.querySelector("dialog[open]");
  const place = byId("toast");
  if (place.parentElement === (dialog ?? document.body)) return place;
  (dialog ?? document.body).append(place);
  dialog?.addEventListener("close", () => document.body.append(place), { once: true });
  return place;
}

/** @param {string} sentence @param {{label: string, run: () => void}} [offer] */
export function toast(sentence, offer) {
  hideToast();
  const box = element("div");
  box.append(element("span", sentence));
  if (offer) {
    const run = () => {
      hideToast();
      offer.run();
    };
    box.append(button(offer.label, "", run));
  }
  const hideLater = () => {
    clearTimeout(timer);
    timer = setTimeout(hideToast, SECONDS * 1000);
  };
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", hideLater);
  box.addEventListener("focusin", () => clearTimeout(timer));
  box.addEventListener("focusout", hideLater);
  placeToast().replaceChildren(box);
  hideLater();
}
