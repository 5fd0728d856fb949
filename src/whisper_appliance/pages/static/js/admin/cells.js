/** Cells of the panel's tables: tags, times, ids, action buttons. */
import { dayAndTime } from "../core/datetime.js";
import { button, element } from "../core/dom.js";

/** @typedef {"good" | "caution" | "bad" | ""} Tone */

/** @param {string} text @param {Tone} tone */
export function tagCell(text, tone) {
  const tag = element("span", text, "tag");
  tag.dataset.tone = tone;
  return tag;
}

/** @param {string} iso */
export function timeCell(iso) {
  const time = element("time", dayAndTime(iso));
  time.dateTime = iso;
  return time;
}

/** @param {string} id @returns {HTMLElement} Its first characters; the whole is the title. */
export function idCell(id) {
  const code = element("code", id.slice(0, 8));
  code.title = id;
  return code;
}

/** @param {HTMLElement} control */
export function actionsCell(control) {
  const box = element("div", undefined, "cell-actions");
  box.append(control);
  return box;
}

/** @param {string} label @param {string} object What it acts on, for screen readers. @param {() => void} run */
export function quietAction(label, object, run) {
  const control = button(label, "quiet", run);
  control.append(element("span", ` ${object}`, "hidden"));
  return actionsCell(control);
}
