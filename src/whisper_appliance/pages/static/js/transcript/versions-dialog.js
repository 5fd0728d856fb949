/** The drawer of versions: who changed what when, the words before and after, and a way back to each. */

import { messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { button, byId, dialogById, element, icon } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}/versions"]["versions"][number]} Version
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}/versions/{revision}"]["lines"][number]} Line
 */

const MAX_LINES = 200;

export class VersionsDialog {
  /** @param {string} id Of the transcript. @param {Edits} edits */
  constructor(id, edits) {
    this.path = { id };
    this.edits = edits;
    this.dialog = dialogById("versions-dialog");
    this.list = byId("versions-list");
    closeOnClick(byId("versions-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-versions"));
  }

  async open() {
    if (this.dialog.open) return;
    this.list.replaceChildren();
    this.dialog.showModal();
    await this.#load();
  }

  async #load() {
    try {
      const { versions } = await request("GET /api/transcripts/{id}/versions", { path: this.path });
      this.list.replaceChildren(...versions.map((version, place) => this.#row(version, place === 0)));
      byId("versions-none").hidden = versions.length > 0;
    } catch (error) {
      this.list.replaceChildren(element("li", messageOf(error), "soft"));
    }
  }

  /** @param {Version} version @param {boolean} isCurrent */
  #row(version, isCurrent) {
    const item = element("li", undefined, "version");
    const about = element("div");
    about.append(element("strong", titleOf(version)), element("p", factsOf(version, isCurrent), "facts"));
    const when = dayAndTime(version.created);
    if (version.kind === "original") item.append(about);
    else item.append(this.#changes(version, about));
    if (!isCurrent && this.edits.isAllowed) {
      const restore = button(t("Restore"), "button", () => void this.#restore(version.revision));
      restore.setAttribute(
        "aria-label",
        t("Restore: {version}, {when}", { version: titleOf(version), when }),
      );
      item.append(restore);
    }
    return item;
  }

  /** @param {Version} version @param {HTMLElement} about */
  #changes(version, about) {
    const details = element("details");
    const summary = element("summary");
    summary.append(...about.childNodes, icon("chevron-down"));
    const place = element("div", undefined, "version-changes");
    details.append(summary, place);
    details.addEventListener("toggle", () => {
      if (details.open && !place.firstChild) void this.#showChanges(version, place);
    });
    return details;
  }

  /** @param {Version} version @param {HTMLElement} place */
  async #showChanges({ revision }, place) {
    try {
      const path = { ...this.path, revision: String(revision) };
      const { lines } = await request("GET /api/transcripts/{id}/versions/{revision}", { path });
      place.replaceChildren(...lines.slice(0, MAX_LINES).map(differenceOf));
      const more = lines.length - MAX_LINES;
      if (more > 0)
        place.append(element("p", tn("{count} more change", "{count} more changes", more), "facts"));
      if (!lines.length) place.append(element("p", t("No words changed."), "facts"));
    } catch (error) {
      place.replaceChildren(element("p", messageOf(error), "soft"));
    }
  }

  /** @param {number} revision */
  async #restore(revision) {
    if (await this.edits.restore(revision)) await this.#load();
    byId("versions-close").focus();
  }
}

/** @param {Version} version @returns {string} What it is. */
function titleOf({ kind, changes }) {
  if (kind === "original") return t("The machine's original");
  if (kind === "machine") return t("Transcribed again");
  if (kind === "restore") return t("An earlier version restored");
  return tn("{count} correction", "{count} corrections", changes);
}

/** @param {Version} version @param {boolean} isCurrent @returns {string} */
function factsOf({ author, mine, created }, isCurrent) {
  const who = mine ? t("you") : author;
  return [dayAndTime(created), who, isCurrent ? t("as it is now") : null].filter((fact) => fact).join(" · ");
}

/** @param {Line} line @returns {HTMLElement} Its words; what was removed and added is marked. */
function differenceOf({ start, parts, speaker_before, speaker_after }) {
  const place = element("p");
  place.dir = "auto";
  place.append(element("span", clock(start), "facts"), " ");
  if (speaker_before !== speaker_after) {
    if (speaker_before) place.append(element("del", speaker_before), " ");
    if (speaker_after) place.append(element("ins", speaker_after), " ");
  }
  for (const { kind, text } of parts) {
    const tag = kind === "removed" ? "del" : kind === "added" ? "ins" : "span";
    place.append(element(tag, text), " ");
  }
  return place;
}
