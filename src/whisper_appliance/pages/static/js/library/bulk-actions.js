/** What the library does to the selected transcripts one by one, or all together: export, share, transcribe again. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request, upload } from "../core/api.js";
import { byId, dialogById, formById, selectById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { saveFile } from "../ui/download-menu.js";
import { openExportDialog } from "../ui/export-dialog.js";
import { onSubmit } from "../ui/form.js";
import { roleOf } from "../ui/share-roles.js";
import { toast } from "../ui/toast.js";

const MOST_IN_ARCHIVE = 1000;

export class BulkActions {
  /** @type {string[]} */
  #ids = [];

  /** @param {() => string[]} selected The ids of the selected transcripts. */
  constructor(selected) {
    this.selected = selected;
    byId("bar-export").addEventListener("click", () => this.#export());
    byId("bar-again").addEventListener("click", () => void this.#openAgain());
    for (const name of ["share-many", "again"]) {
      closeOnClick(byId(`${name}-close`));
      closeOnBackdrop(dialogById(`${name}-dialog`));
    }
    onSubmit(formById("again-form"), (options) => this.#transcribeAgain(options));
    const share = document.getElementById("bar-share"); // only for signed-in users
    if (!share) return;
    share.addEventListener("click", () => this.#open("share-many"));
    onSubmit(formById("share-many-form"), ({ user = "", role }) => this.#share(user, roleOf(role)));
  }

  #export() {
    const ids = this.selected();
    openExportDialog(async (query) => {
      const { format, download: _, ...options } = Object.fromEntries(query);
      for (let start = 0; start < ids.length; start += MOST_IN_ARCHIVE) {
        const body = { ...options, formats: [format], ids: ids.slice(start, start + MOST_IN_ARCHIVE) };
        await saveFile(fromRoot("/api/transcripts/export"), "transcripts.zip", body);
      }
    });
  }

  /** @param {"share-many" | "again"} name */
  #open(name) {
    this.#ids = this.selected();
    const count = this.#ids.length;
    byId(`${name}-count`).textContent = tn("{count} transcript", "{count} transcripts", count);
    dialogById(`${name}-dialog`).showModal();
  }

  /** @param {string} user @param {import("../ui/share-roles.js").Role} role */
  async #share(user, role) {
    for (const id of this.#ids) {
      await request("POST /api/transcripts/{id}/shares", {
        path: { id },
        body: { user, role, audio: false },
      });
    }
    dialogById("share-many-dialog").close();
    toast(t("Shared with {user}.", { user }));
  }

  async #openAgain() {
    this.#open("again");
    try {
      const { models } = await request("GET /api/models");
      const select = selectById("again-model");
      const first = /** @type {HTMLOptionElement} */ (select.options[0]);
      select.replaceChildren(first, ...models.map(({ name }) => new Option(name, name)));
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** Queues the recordings that were kept; the transcripts that are there stay. @param {Record<string, string>} options */
  async #transcribeAgain(options) {
    let queued = 0;
    let refused = 0;
    let reason = "";
    for (const id of this.#ids) {
      const form = new FormData();
      const fields = { ...options, transcript_id: id, async: "true" };
      for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
      try {
        await upload("POST /transcribe", form, { onProgress: () => {} });
        queued += 1;
      } catch (error) {
        refused += 1;
        reason = messageOf(error);
      }
    }
    if (!queued) throw new Error(reason);
    dialogById("again-dialog").close();
    const waiting = tn(
      "{count} recording waits in the queue.",
      "{count} recordings wait in the queue.",
      queued,
    );
    const left = tn("{count} does not: {reason}", "{count} do not: {reason}", refused, { reason });
    toast(refused ? `${waiting} ${left}` : waiting);
  }
}
