/** The link to the captions, for others: made, copied, ended. */
import { ask } from "../core/api.js";
import { byId, copyText } from "../core/dom.js";
import { toast } from "../ui/toast.js";

export class Share {
  #session = "";

  constructor() {
    byId("share-start").addEventListener("click", () => void this.#start());
    byId("share-copy").addEventListener("click", () => void this.#copy());
    byId("share-end").addEventListener("click", () => void this.#end());
  }

  /** @param {string} session Its id; empty while there is none. */
  of(session) {
    if (session === this.#session) return;
    this.#session = session;
    byId("live-share").hidden = !session;
    this.#show("");
  }

  /** @param {string} link */
  #show(link) {
    /** @type {HTMLInputElement} */ (byId("share-link")).value = link;
    /** @type {HTMLAnchorElement} */ (byId("share-open")).href = link || "#";
    byId("share-off").hidden = Boolean(link);
    byId("share-on").hidden = !link;
    byId("live-share").dataset.shared = String(Boolean(link));
    byId("share-label").textContent = link ? "Captions are shared" : "Share captions";
  }

  async #start() {
    try {
      const { path } = await ask(`/api/live/${this.#session}/captions`, { method: "POST" });
      this.#show(new URL(path, location.href).href);
      byId("share-copy").focus();
    } catch (error) {
      toast(`Not shared: ${/** @type {Error} */ (error).message}`);
    }
  }

  async #copy() {
    const link = /** @type {HTMLInputElement} */ (byId("share-link"));
    await copyText(link.value).then(
      () => toast("Link copied."),
      () => link.select(),
    );
  }

  async #end() {
    try {
      await ask(`/api/live/${this.#session}/captions`, { method: "DELETE" });
      this.#show("");
      byId("share-start").focus();
    } catch (error) {
      toast(`Still shared: ${/** @type {Error} */ (error).message}`);
    }
  }
}
