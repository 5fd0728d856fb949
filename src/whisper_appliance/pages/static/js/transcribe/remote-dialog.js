/** The dialog for a recording at an address. Of the feed of a podcast, episodes are chosen. */

import { request } from "../core/api.js";
import { all, byId, dialogById, element, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";

/**
 * @typedef {{url: string, title?: string, name: string}} Address Of a recording. `title`: an episode's, which its transcript gets.
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
    showFormError(form, "");
    showEpisodes(null);
    dialog.showModal();
  });
  field.addEventListener("input", () => showEpisodes(null));
  onSubmit(form, async () => {
    const chosen = chosenEpisodes();
    if (chosen.length) onAddresses(chosen);
    else {
      const url = field.value.trim();
      const found = await whileOpen(dialog, (signal) =>
        request("POST /api/remote/inspect", { body: { url }, signal }),
      );
      if (!found) return;
      if (found.feed) return showEpisodes(found.feed);
      onAddresses([{ url, name: found.name }]);
    }
    dialog.close();
  });
}

/**
 * Gives up what is asked for when the dialog closes.
 * @template T @param {HTMLDialogElement} dialog @param {(signal: AbortSignal) => Promise<T>} ask
 * @returns {Promise<T | null>} Null: the dialog was closed.
 */
async function whileOpen(dialog, ask) {
  const abort = new AbortController();
  const close = () => abort.abort();
  dialog.addEventListener("close", close, { once: true });
  try {
    const answer = await ask(abort.signal);
    return abort.signal.aborted ? null : answer;
  } catch (error) {
    if (abort.signal.aborted) return null;
    throw error;
  } finally {
    dialog.removeEventListener("close", close);
  }
}

/** @returns {Address[]} */
function chosenEpisodes() {
  const boxes = /** @type {HTMLInputElement[]} */ (all(byId("remote-list"), "input:checked"));
  return boxes.map(({ value, dataset }) => ({ url: value, title: dataset.title, name: value }));
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
