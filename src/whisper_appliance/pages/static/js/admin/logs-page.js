/** The log as it is written. Lines are text, whoever wrote them. */
import { byId, element, icon } from "../core/dom.js";
import { hideProblem, startPanel } from "./panel.js";

/** @typedef {{number: number, time: string, level: string, event: string, logger: string, more: Record<string, unknown>}} Line */

const MOST_LINES = 1000;
const TYPING_MILLISECONDS = 300;
const TONES = /** @type {Record<string, string>} */ ({ warning: "caution", error: "bad", critical: "bad" });

const list = byId("log");
const box = byId("log-box");
const level = /** @type {HTMLSelectElement} */ (byId("log-level"));
const words = /** @type {HTMLInputElement} */ (byId("log-words"));
const id = /** @type {HTMLInputElement} */ (byId("log-id"));
const pause = byId("log-pause");

/** @type {EventSource | null} */
let source = null;
/** @type {Line[]} */
let held = [];
let paused = false;

/** Begins anew with the lines that fit the filter. */
function follow() {
  source?.close();
  list.replaceChildren();
  held = [];
  byId("log-empty").hidden = false;
  const wanted = new URLSearchParams({ level: level.value, words: words.value.trim(), id: id.value.trim() });
  source = new EventSource(`/api/admin/logs/events?${wanted}`);
  source.addEventListener("line", (event) => take(JSON.parse(event.data)));
  source.onopen = () => {
    hideProblem();
    tellState();
  };
  source.onerror = () => tellState("The connection is gone. Trying again.");
}

/** @param {Line} line */
function take(line) {
  if (paused) {
    held = [...held, line].slice(-MOST_LINES);
    tellState();
  } else {
    add([line]);
  }
}

/** @param {Line[]} lines The reader stays at the end, or where they have scrolled to. */
function add(lines) {
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
  list.append(...lines.map(shown));
  while (list.childElementCount > MOST_LINES) list.firstElementChild?.remove();
  byId("log-empty").hidden = list.childElementCount > 0;
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** @param {Line} line */
function shown(line) {
  const row = element("li");
  const time = element("time", clockTime(line.time));
  time.dateTime = line.time;
  time.title = line.time;
  const tag = element("span", line.level, "tag");
  tag.dataset.tone = TONES[line.level] ?? "";
  const said = element("div");
  said.append(element("p", line.event));
  const more = element("p", undefined, "said-more");
  for (const [name, value] of [...Object.entries(line.more), ["logger", line.logger]]) {
    const fact = element("span");
    fact.append(element("b", `${name}=`), typeof value === "string" ? value : JSON.stringify(value));
    more.append(fact, " ");
  }
  said.append(more);
  row.append(time, tag, said);
  return row;
}

/** @param {string} time */
function clockTime(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleTimeString([], { hour12: false });
}

/** @param {string} [trouble] */
function tellState(trouble) {
  const waiting = held.length === 1 ? "1 line waits." : `${held.length} lines wait.`;
  byId("log-state").textContent =
    trouble ?? (paused ? `Paused. ${waiting}` : "Following the log since the last start.");
}

function togglePause() {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.replaceChildren(icon(paused ? "play" : "pause"), element("span", paused ? "Go on" : "Pause"));
  if (!paused) {
    add(held);
    held = [];
  }
  tellState();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
for (const input of [words, id]) {
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(follow, TYPING_MILLISECONDS);
  });
}
level.addEventListener("change", follow);
byId("log-filter").addEventListener("submit", (event) => {
  event.preventDefault();
  follow();
});
pause.addEventListener("click", togglePause);
addEventListener("pagehide", () => source?.close());

startPanel();
follow();
