/** The command palette, Ctrl+K: every place, every action of the page that has a key, and every transcript. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { all, byId, dialogById, element, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop } from "./dialog.js";
import { placeOf } from "./transcript-row.js";

const MOST_TRANSCRIPTS = 8;
const SEARCH_MILLISECONDS = 150;

/** @typedef {{label: string, kind: string, run: () => void}} Command */

/** @param {string} label @param {string} words @returns {boolean} Whether each word begins a word of the label. */
export function matches(label, words) {
  const parts = label.toLowerCase().split(/[\s,;:()/–-]+/);
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => parts.some((part) => part.startsWith(word)));
}

class Palette {
  #dialog = dialogById("palette");
  #field = inputById("palette-field");
  #list = byId("palette-list");
  /** @type {Command[]} */
  #shown = [];
  #chosen = 0;
  #searches = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("./shortcuts.js").Shortcuts} shortcuts */
  constructor(shortcuts) {
    this.shortcuts = shortcuts;
    closeOnBackdrop(this.#dialog);
    byId("palette-open").addEventListener("click", () => this.open());
    document.addEventListener("keydown", (event) => this.#onPageKey(event));
    this.#field.addEventListener("input", () => this.#search());
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element && target.closest("[role=option]");
      if (option) this.#run([...this.#list.children].indexOf(option));
    });
  }

  open() {
    this.#field.value = "";
    this.#dialog.showModal();
    this.#search();
  }

  /** @param {KeyboardEvent} event */
  #onPageKey(event) {
    const isOurs = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key === "k";
    if (!isOurs || (document.querySelector("dialog[open]") && !this.#dialog.open)) return;
    event.preventDefault();
    if (this.#dialog.open) this.#dialog.close();
    else this.open();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || (!step && event.key !== "Enter")) return;
    event.preventDefault();
    if (step) this.#choose((this.#chosen + step + this.#shown.length) % (this.#shown.length || 1));
    else this.#run(this.#chosen);
  }

  #search() {
    const words = this.#field.value.trim();
    this.#searches += 1;
    const current = this.#searches;
    const commands = [...this.#actions(), ...this.#places()].filter(
      ({ label }) => !words || matches(label, words),
    );
    this.#show(commands);
    clearTimeout(this.#timer);
    if (!words) return;
    this.#timer = setTimeout(async () => {
      const found = await this.#transcripts(words);
      if (current === this.#searches && this.#dialog.open) this.#show([...commands, ...found], this.#chosen);
    }, SEARCH_MILLISECONDS);
  }

  /** @returns {Command[]} What the list of shortcuts of this page has. */
  #actions() {
    return all(document, "#shortcuts dl > div").flatMap((row) => {
      const key = all(row, "kbd")
        .map((each) => each.textContent)
        .join(" ");
      const run = this.shortcuts.actionOf(key);
      return run ? [{ label: row.querySelector("dd")?.textContent ?? key, kind: key, run }] : [];
    });
  }

  /** @returns {Command[]} */
  #places() {
    const links = /** @type {HTMLAnchorElement[]} */ (all(document, "#account a, .admin-nav a, .foot a"));
    const withKey = new Set(all(document, ".bar nav a").map((link) => link.getAttribute("href")));
    const others = links.filter((link) => !withKey.has(link.getAttribute("href")));
    const byAddress = new Map(others.map((link) => [link.href, link.textContent?.trim() ?? ""]));
    return [...byAddress].map(([href, label]) => ({
      label,
      kind: t("Page"),
      run: () => location.assign(href),
    }));
  }

  /** @param {string} words @returns {Promise<Command[]>} */
  async #transcripts(words) {
    const query = new URLSearchParams({ q: words, limit: String(MOST_TRANSCRIPTS) });
    try {
      const { transcripts } = await request("GET /api/transcripts", { query });
      return transcripts.map(({ id, title, hits }) => {
        const address = fromRoot(`/transcripts/${id}${placeOf(hits)}`);
        return { label: title, kind: t("Transcript"), run: () => location.assign(address) };
      });
    } catch (error) {
      return [{ label: messageOf(error), kind: "", run: () => {} }];
    }
  }

  /** @param {Command[]} commands @param {number} [chosen] Its place. */
  #show(commands, chosen = 0) {
    this.#shown = commands;
    byId("palette-none").hidden = commands.length > 0;
    this.#list.replaceChildren(
      ...commands.map(({ label, kind }, place) => {
        const option = element("li");
        option.id = `palette-${place}`;
        option.setAttribute("role", "option");
        const words = element("span", label);
        words.dir = "auto";
        option.append(words, element("small", kind));
        return option;
      }),
    );
    this.#choose(chosen);
  }

  /** @param {number} place */
  #choose(place) {
    this.#chosen = place;
    for (const [at, option] of [...this.#list.children].entries())
      option.setAttribute("aria-selected", String(at === place));
    const chosen = this.#list.children[place];
    this.#field.setAttribute("aria-activedescendant", chosen?.id ?? "");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} place */
  #run(place) {
    const command = this.#shown[place];
    if (!command) return;
    this.#dialog.close(); // the focus is where it was, so that an action is about the same line
    command.run();
  }
}

/** Not on pages for which nobody has signed in. @param {import("./shortcuts.js").Shortcuts} shortcuts */
export function startPalette(shortcuts) {
  if (document.getElementById("palette")) new Palette(shortcuts);
}
