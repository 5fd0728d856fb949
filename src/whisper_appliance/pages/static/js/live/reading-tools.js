/** Reading tools of captions: size of the words, contrast and full screen. The browser remembers them. */
import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";

const SIZES = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6.5]; // rem
const CONTRASTS = ["", "dark", "light", "yellow"];
const CONTRAST_NAMES = [t("as the system"), t("white on black"), t("black on white"), t("yellow on black")];
const CONTRAST_KEY = "captions-contrast";

/**
 * @typedef {Object} Options
 * @property {string} sizeKey Under which the browser keeps the size.
 * @property {number} defaultSize In rem; one of `SIZES`.
 * @property {() => void} onChanged After the size has changed.
 */

export class ReadingTools {
  /** @param {HTMLElement} view What shows the captions, and fills the screen. @param {Options} options */
  constructor(view, options) {
    this.view = view;
    this.options = options;
    byId("smaller").addEventListener("click", () => this.resize(-1));
    byId("larger").addEventListener("click", () => this.resize(1));
    byId("contrast").addEventListener("click", () => this.changeContrast(1));
    byId("full").addEventListener("click", () => this.toggleFullScreen());
    byId("full").hidden = !document.fullscreenEnabled;
    this.resize(0);
    this.changeContrast(0);
  }

  /** By key, for `keydown`. @returns {Record<string, () => void>} */
  get keys() {
    return {
      "+": () => this.resize(1),
      "-": () => this.resize(-1),
      c: () => this.changeContrast(1),
      f: () => this.toggleFullScreen(),
    };
  }

  /** @param {number} steps */
  resize(steps) {
    const { sizeKey, defaultSize } = this.options;
    const stored = SIZES.indexOf(readStored(sizeKey, defaultSize));
    const current = stored < 0 ? SIZES.indexOf(defaultSize) : stored;
    const next = Math.max(0, Math.min(SIZES.length - 1, current + steps));
    writeStored(sizeKey, SIZES[next]);
    this.view.style.setProperty("--words", `${SIZES[next]}rem`);
    byId("smaller").toggleAttribute("disabled", next === 0);
    byId("larger").toggleAttribute("disabled", next === SIZES.length - 1);
    this.options.onChanged();
  }

  /** @param {number} steps */
  changeContrast(steps) {
    const current = Math.max(0, CONTRASTS.indexOf(readStored(CONTRAST_KEY, "")));
    const next = (current + steps) % CONTRASTS.length;
    const following = (next + 1) % CONTRASTS.length;
    writeStored(CONTRAST_KEY, CONTRASTS[next]);
    this.view.dataset.contrast = CONTRASTS[next] ?? "";
    byId("contrast-label").textContent = t("Contrast: {next}. Change to {following}", {
      next: CONTRAST_NAMES[next],
      following: CONTRAST_NAMES[following],
    });
  }

  toggleFullScreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.view.requestFullscreen().catch(() => {});
  }
}
