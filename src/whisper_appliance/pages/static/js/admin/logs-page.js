/** The log, followed as it is written. Lines are shown as text only, because anybody may cause them. */

import { byId, element, icon, inputById, selectById } from "../core/dom.js";
import { locale, t } from "../core/i18n.js";
import { EventStream } from "../core/sse.js";
import { isNearEnd, scrollToEnd } from "../ui/autoscroll.js";
import { tagCell } from "./cells.js";
import { hideProblem, startPanel } from "./panel.js";

const MAX_LINES = 1000;
const TYPING_MILLISECONDS = 300;
const RETRY_SECONDS = 5;
const NEAR_END_PIXELS = 24;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/logs"]["lines"][number]} Line
 * @typedef {import("./cells.js").Tone} Tone
 */

/** @type {Record<string, Tone>} By level. */
const TONES = { warning: "caution", error: "bad", critical: "bad" };

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new LogsPage().follow();
}

class LogsPage {
  #list = byId("log");
  #box = byId("log-box");
  #level = selectById("log-level");
  #words = inputById("log-words");
  #id = inputById("log-id");
  #pauseButton = byId("log-pause");
  /** @type {EventStream | null} */
  #stream = null;
  /** @type {Line[]} Those that came while paused. */
  #held = [];
  #isPaused = false;
  #wasRefused = false;

  constructor() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    for (const input of [this.#words, this.#id]) {
      input.addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(() => this.follow(), TYPING_MILLISECONDS);
      });
    }
    this.#level.addEventListener("change", () => this.follow());
    byId("log-filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.follow();
    });
    this.#pauseButton.addEventListener("click", () => this.#togglePause());
    window.addEventListener("pagehide", () => this.#stream?.close());
  }

  /** Begins anew with the lines that match the filter. */
  follow() {
    this.#stream?.close();
    this.#clear();
    const filter = { level: this.#level.value, words: this.#words.value.trim(), id: this.#id.value.trim() };
    this.#stream = new EventStream(`/api/admin/logs/events?${new URLSearchParams(filter)}`, {
      events: { line: (line) => this.#onLine(line) },
      onOpen: () => {
        if (this.#wasRefused) this.#clear(); // a new stream begins with the lines so far
        this.#wasRefused = false;
        hideProblem();
        this.#showState();
      },
      onLost: () => this.#showState(t("The connection is gone. Trying again.")),
      onRefused: () => {
        this.#wasRefused = true;
      },
      retrySeconds: RETRY_SECONDS,
    });
  }

  #clear() {
    this.#list.replaceChildren();
    this.#held = [];
    byId("log-empty").hidden = false;
  }

  /** @param {Line} line */
  #onLine(line) {
    if (!this.#isPaused) return this.#add([line]);
    this.#held = [...this.#held, line].slice(-MAX_LINES);
    this.#showState();
  }

  /** The reader stays at the end, or where they have scrolled to. @param {Line[]} lines */
  #add(lines) {
    const follows = isNearEnd(this.#box, NEAR_END_PIXELS);
    this.#list.append(...lines.map(lineItem));
    while (this.#list.childElementCount > MAX_LINES) this.#list.firstElementChild?.remove();
    byId("log-empty").hidden = this.#list.childElementCount > 0;
    if (follows) scrollToEnd(this.#box);
  }

  #togglePause() {
    this.#isPaused = !this.#isPaused;
    this.#pauseButton.setAttribute("aria-pressed", String(this.#isPaused));
    const [sign, text] = this.#isPaused ? ["play", t("Go on")] : ["pause", t("Pause")];
    this.#pauseButton.replaceChildren(icon(sign), element("span", text));
    if (!this.#isPaused) {
      this.#add(this.#held);
      this.#held = [];
    }
    this.#showState();
  }

  /** @param {string} [trouble] */
  #showState(trouble) {
    const waiting =
      this.#held.length === 1 ? t("1 line waits.") : t("{held} lines wait.", { held: this.#held.length });
    const state = this.#isPaused ? `Paused. ${waiting}` : t("Following the log since the last start.");
    byId("log-state").textContent = trouble ?? state;
  }
}

/** @param {Line} line */
function lineItem({ event, level, logger, more, time }) {
  const item = element("li");
  const text = element("div");
  const fields = element("p", undefined, "said-more");
  for (const [name, value] of [...Object.entries(more), ["logger", logger]]) {
    const field = element("span");
    field.append(element("b", `${name}=`), typeof value === "string" ? value : JSON.stringify(value));
    fields.append(field, " ");
  }
  text.append(element("p", event), fields);
  item.append(lineTime(time), tagCell(level, TONES[level] ?? ""), text);
  return item;
}

/** @param {string} time ISO 8601, unless a line is damaged. */
function lineTime(time) {
  const date = new Date(time);
  const isDamaged = Number.isNaN(date.getTime());
  const cell = element("time", isDamaged ? time : date.toLocaleTimeString(locale(), { hour12: false }));
  cell.dateTime = time;
  cell.title = time;
  return cell;
}
