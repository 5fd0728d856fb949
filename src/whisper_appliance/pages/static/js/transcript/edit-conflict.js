/** What stands below the field of a line that somebody else changed or deleted while it is edited. */

import { button, element } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * @param {string} author Who changed the line. @param {string} text Its words now.
 * @param {{take: () => void, keep: () => void}} choices
 * @returns {HTMLElement} Both texts to choose from: theirs, and the one in the field.
 */
export function changedNotice(author, text, { take, keep }) {
  const notice = noticeOf(t("{author} changed this line meanwhile:", { author }));
  const theirs = element("q", text.trim());
  theirs.dir = "auto";
  const choices = element("p", undefined, "card-actions");
  choices.append(
    button(t("Keep my words"), "button small", keep),
    button(t("Take theirs"), "button small", take),
  );
  notice.append(theirs, choices);
  return notice;
}

/** @param {string} author Who deleted the line. @returns {HTMLElement} */
export const deletedNotice = (author) =>
  noticeOf(t("{author} deleted this line. If you save, your words come back as a new line.", { author }));

/** @param {string} sentence */
function noticeOf(sentence) {
  const notice = element("div", undefined, "edit-conflict");
  notice.lang = document.documentElement.lang;
  notice.setAttribute("role", "alert");
  notice.append(element("p", sentence));
  return notice;
}
