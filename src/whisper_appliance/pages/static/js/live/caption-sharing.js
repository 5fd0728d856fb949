/** The link to the captions, for others: created, copied, ended. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { byId, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";
import { toast } from "../ui/toast.js";

export class CaptionSharing {
  #session = "";

  constructor() {
    byId("share-start").addEventListener("click", () => void this.#start());
    byId("share-end").addEventListener("click", () => void this.#end());
    startCopyButton("share-copy", inputById("share-link"), t("Link copied."));
  }

  /** @param {string} session Its id; empty while there is none. */
  setSession(session) {
    if (session === this.#session) return;
    this.#session = session;
    byId("live-share").hidden = !session;
    this.#showLink("");
  }

  /** @param {string} link Empty: the captions are not shared. @param {string} [path] Of the page, from the root. */
  #showLink(link, path) {
    inputById("share-link").value = link;
    /** @type {HTMLAnchorElement} */ (byId("share-open")).href = link || "#";
    const code = /** @type {HTMLImageElement} */ (byId("share-code"));
    if (path) code.src = fromRoot(`${path}/qr.svg`);
    else code.removeAttribute("src");
    byId("share-off").hidden = Boolean(link);
    byId("share-on").hidden = !link;
    byId("live-share").dataset.shared = String(Boolean(link));
    byId("share-label").textContent = link ? t("Captions are shared") : t("Share captions");
  }

  async #start() {
    try {
      const { path, url } = await request("POST /api/live/{session}/captions", {
        path: { session: this.#session },
      });
      this.#showLink(url, path);
      byId("share-copy").focus();
    } catch (error) {
      toast(t("Not shared: {error}", { error: messageOf(error) }));
    }
  }

  async #end() {
    try {
      await request("DELETE /api/live/{session}/captions", { path: { session: this.#session } });
      this.#showLink("");
      byId("share-start").focus();
    } catch (error) {
      toast(t("Still shared: {error}", { error: messageOf(error) }));
    }
  }
}
