/** The dialog of those who speak: renames them; a name that is there already joins two. */

import { byId, dialogById, element } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";

/** @typedef {import("./edits.js").Edits} Edits */

const MAX_CHARACTERS = 100;

export class SpeakersDialog {
  /** @param {Edits} edits */
  constructor(edits) {
    this.edits = edits;
    this.dialog = dialogById("speakers-dialog");
    this.list = byId("speakers-list");
    closeOnClick(byId("speakers-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-speakers"));
  }

  open() {
    if (!this.edits.isAllowed || this.dialog.open) return;
    this.#show();
    this.dialog.showModal();
  }

  #show() {
    const { speakers } = this.edits;
    this.list.replaceChildren(...speakers.map((name) => this.#row(name)));
    byId("speakers-nobody").hidden = speakers.length > 0;
    byId("speakers-hint").hidden = speakers.length < 2;
  }

  /** @param {string} name */
  #row(name) {
    const item = element("li");
    const form = element("form");
    const field = element("input");
    Object.assign(field, { value: name, maxLength: MAX_CHARACTERS, dir: "auto", autocomplete: "off" });
    field.setAttribute("aria-label", t("Name of {speaker}", { speaker: name }));
    const lines = this.edits.segments.filter(({ speaker }) => speaker === name).length;
    form.append(
      field,
      element("span", tn("{count} line", "{count} lines", lines), "facts"),
      element("button", t("Rename"), "button"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#rename(name, field.value.trim());
    });
    item.append(form);
    return item;
  }

  /** @param {string} speaker @param {string} name */
  async #rename(speaker, name) {
    if (name === speaker || !(await this.edits.apply([{ op: "rename_speaker", speaker, name }]))) return;
    this.#show();
    const place = Math.max(0, this.edits.speakers.indexOf(name));
    const field = this.list.querySelectorAll("input")[place];
    (field ?? byId("speakers-close")).focus();
  }
}
