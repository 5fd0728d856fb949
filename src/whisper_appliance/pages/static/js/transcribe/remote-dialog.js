/** The dialog for a recording at an address. Of the feed of a podcast, episodes are chosen. */

import { request } from "../core/api.js";
import { all, byId, dialogById, element, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";

/**
 * @typedef {{url: string, title: string}} Address
 * @typedef {import("../core/api.js").Responses["POST /api/remote/inspect"]} Remote
 */

/** @param {(addresses: Address[]) => void} onAddresses */
export function startRemoteDialog(onAddresses) {
  if (!document.getElementById("remote-dialog")) return;
  const dialog = dialogById("remote-dialog");
  const form = formById("remote-form");
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("url"));
  closeOnBackdrop(dialog);
  closeOnClick(byId("remote-close"));
  byId("open-remote").addEventListener("click", () => {
    form.reset();
    showEpisodes(null);
    dialog.showModal();
  });
  field.addEventListener("input", () => showEpisodes(null));
  onSubmit(form, async () => {
    const chosen = chosenEpisodes();
    if (chosen.length) onAddresses(chosen);
    else {
      const found = await request("POST /api/remote/inspect", { body: { url: field.value.trim() } });
      if (found.feed) return showEpisodes(found.feed);
      onAddresses([{ url: field.value.trim(), title: found.name }]);
    }
    dialog.close();
  });
}

/** @returns {Address[]} */
function chosenEpisodes() {
  const boxes = /** @type {HTMLInputElement[]} */ (all(byId("remote-list"), "input:checked"));
  return boxes.map(({ value, dataset }) => ({ url: value, title: dataset.title ?? value }));
}

/** @param {Remote["feed"]} feed null: there is none to choose from. */
function showEpisodes(feed) {
  byId("remote-episodes").hidden = !feed;
  byId("remote-feed").textContent = feed?.title || t("Episodes");
  byId("remote-list").replaceChildren(
    ...(feed?.episodes ?? []).map(({ url, title, published }) => {
      const item = element("li");
      const label = element("label", undefined, "check");
      const box = element("input");
      Object.assign(box, { type: "checkbox", value: url });
      box.dataset.title = title;
      const words = element("span", title);
      words.dir = "auto";
      label.append(box, words, element("small", dayOf(published)));
      item.append(label);
      return item;
    }),
  );
  all(byId("remote-list"), "input")[0]?.focus();
}

/** @param {string} published As the feed writes it. @returns {string} */
function dayOf(published) {
  const date = new Date(published);
  if (Number.isNaN(date.getTime())) return "";
  return date.toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
}
