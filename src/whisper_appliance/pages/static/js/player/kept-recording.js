/** What the player's menu shows and does about a kept recording: until when, save it, keep it longer, delete it. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { byId } from "../core/dom.js";
import { bytes } from "../core/format.js";
import { t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { fileName, saveLinked } from "../ui/download-menu.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("./player-bar.js").Recording} Recording */

export class KeptRecording {
  /** @type {Recording | null} */
  #recording = null;
  #isOwn = false;

  #isSavingFilm = false;

  /** @param {string} id Of the transcript. @param {() => string} title Its title. @param {(recording: Recording | null) => void} onChange */
  constructor(id, title, onChange) {
    this.path = { id };
    this.title = title;
    this.onChange = onChange;
    byId("player-film").addEventListener("click", (event) => void this.#saveFilm(event));
    byId("player-keep").addEventListener("click", () => void this.#keep());
    byId("player-delete").addEventListener("click", () => void this.#delete());
  }

  /** @param {Recording | null} recording @param {boolean} isOwn Whether the reader owns the transcript. */
  show(recording, isOwn) {
    this.#recording = recording;
    this.#isOwn = isOwn;
    const size = t("Size: {size}.", { size: bytes(recording?.bytes ?? 0) });
    byId("player-kept").textContent = recording
      ? `${keptUntil(recording)} ${size}`
      : t("The recording is not kept.");
    const keep = byId("player-keep");
    keep.hidden = !isOwn || !recording?.delete_at;
    /** @type {HTMLElement} */ (keep.querySelector("span")).textContent = t("Keep it longer");
    const save = /** @type {HTMLAnchorElement} */ (byId("player-save"));
    save.hidden = !recording;
    save.href = fromRoot(`/api/transcripts/${this.path.id}/audio?download=true`);
    const film = /** @type {HTMLAnchorElement} */ (byId("player-film"));
    film.hidden = !recording?.media_type.startsWith("video/");
    film.href = fromRoot(`/api/transcripts/${this.path.id}/video`);
    byId("player-delete").hidden = !isOwn || !recording;
  }

  /** @param {Event} event */
  async #saveFilm(event) {
    event.preventDefault();
    if (this.#isSavingFilm) return;
    this.#isSavingFilm = true;
    toast(t("The film gets its subtitles, and is saved then."));
    const film = /** @type {HTMLAnchorElement} */ (byId("player-film"));
    film.download = `${fileName(this.title())}.mkv`;
    await saveLinked(event, film);
    this.#isSavingFilm = false;
  }

  async #keep() {
    try {
      const kept = await request("PATCH /api/transcripts/{id}/audio", {
        path: this.path,
        body: { days: null },
      });
      this.show(kept, this.#isOwn);
      this.onChange(kept);
      toast(keptUntil(kept));
    } catch (error) {
      toast(messageOf(error));
    }
  }

  async #delete() {
    const isSure = await confirmed({
      title: t("Delete the recording?"),
      text: t("Its words stay, but nobody can listen to them any more. This cannot be undone."),
      action: t("Delete the recording"),
    });
    if (!isSure || !this.#recording) return;
    try {
      await request("DELETE /api/transcripts/{id}/audio", { path: this.path });
      this.show(null, this.#isOwn);
      this.onChange(null);
      toast(t("The recording is deleted."));
    } catch (error) {
      toast(messageOf(error));
    }
  }
}

/** @param {Recording} recording @returns {string} Until when it is kept, as a sentence. */
export function keptUntil({ delete_at }) {
  if (!delete_at) return t("The recording is kept as long as its words.");
  return t("The recording is deleted on {end}.", { end: dayAndTime(delete_at) });
}
