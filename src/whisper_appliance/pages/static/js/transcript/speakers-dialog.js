/** The dialog of those who speak: renames them, offers names of remembered voices; a name that is there joins two. */

import { request } from "../core/api.js";
import { button, byId, dialogById, element } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("./edits.js").Edits} Edits */

const MAX_CHARACTERS = 100;

export class SpeakersDialog {
  /** @type {Map<string, string>} Names that are offered for speakers, because of their voices. */
  #offered = new Map();

  /** @param {Edits} edits @param {string} id Of the transcript. */
  constructor(edits, id) {
    this.edits = edits;
    this.id = id;
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

  /** Looks for voices that were named in earlier recordings, and says so. Nobody is renamed. */
  async offerNames() {
    if (!this.edits.isAllowed || !this.edits.speakers.length) return;
    await this.#loadOffers();
    const [first] = this.#offered;
    if (!first) return;
    const [speaker, name] = first;
    toast(t("{speaker} sounds like {name}.", { speaker, name }), {
      label: t("Show names"),
      run: () => this.open(),
    });
  }

  async #loadOffers() {
    try {
      const { offers } = await request("GET /api/transcripts/{id}/voices", { path: { id: this.id } });
      const { speakers } = this.edits;
      const there = offers.filter(({ speaker }) => speakers.includes(speaker));
      this.#offered = new Map(there.map(({ speaker, name }) => [speaker, name]));
    } catch {
      this.#offered.clear(); // names can be typed
    }
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
    const offered = this.#offered.get(name);
    if (offered) item.append(this.#offer(name, offered));
    return item;
  }

  /** @param {string} speaker @param {string} name */
  #offer(speaker, name) {
    const line = element("p", undefined, "speaker-offer");
    const sentence = element("span", t("Sounds like {name}", { name }));
    sentence.dir = "auto";
    const accept = button(t("Take this name"), "button small", () => void this.#rename(speaker, name));
    accept.setAttribute("aria-label", t("Take this name for {speaker}: {name}", { speaker, name }));
    line.append(sentence, accept);
    return line;
  }

  /** @param {string} speaker @param {string} name */
  async #rename(speaker, name) {
    if (name === speaker || !(await this.edits.apply([{ op: "rename_speaker", speaker, name }]))) return;
    if (this.#offered.size) await this.#loadOffers();
    this.#show();
    const place = Math.max(0, this.edits.speakers.indexOf(name));
    const field = this.list.querySelectorAll("input")[place];
    (field ?? byId("speakers-close")).focus();
  }
}
