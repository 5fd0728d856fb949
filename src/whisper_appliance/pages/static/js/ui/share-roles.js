/** What a user may do with something that is shared: read it, write notes too, or edit it as well. */

import { t } from "../core/i18n.js";

/** @typedef {"reader" | "commenter" | "editor"} Role */

/** @type {Record<Role, string>} */
export const ROLE_WORDS = { reader: t("reads"), commenter: t("comments"), editor: t("edits") };

/** @param {string | undefined} value Of a form's field. @returns {Role} */
export const roleOf = (value) => (value === "editor" || value === "commenter" ? value : "reader");
