/** What a user may do with something that is shared: read it, or edit it too. */

import { t } from "../core/i18n.js";

/** @typedef {"reader" | "editor"} Role */

/** @type {Record<Role, string>} */
export const ROLE_WORDS = { reader: t("reads"), editor: t("edits") };

/** @param {string | undefined} value Of a form's field. @returns {Role} */
export const roleOf = (value) => (value === "editor" ? "editor" : "reader");
