/** One quiet sentence at the foot of the page, with one thing to do about it. */
import { byId, element } from "../core/dom.js";

const SECONDS = 10;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Takes the sentence away. */
export function hideToast() {
  clearTimeout(timer);
  byId("toast").replaceChildren();
}

/** Beyond an open dialog nothing can be read or reached, so there it lives within; it outlives the dialog. */
function settle() {
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
    const button = element("button", offer.label);
    button.type = "button";
    button.addEventListener("click", () => {
      hideToast();
      offer.run();
    });
    box.append(button);
  }
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(hideToast, SECONDS * 1000);
  };
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", later);
  box.addEventListener("focusin", () => clearTimeout(timer));
  box.addEventListener("focusout", later);
  settle().replaceChildren(box);
  later();
}
