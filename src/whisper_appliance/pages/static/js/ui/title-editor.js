/** Edits a transcript's title: a form in the place of the title. */

import { messageOf, request } from "../core/api.js";
import { button, element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { toast } from "./toast.js";

const MAX_CHARACTERS = 200;

/**
 * @param {HTMLElement} place The title, which is hidden while it is edited.
 * @param {{id: string, title: string, onRenamed: (title: string) => void, onEnd: () => void}} transcript
 */
export function editTitle(place, { id, title, onRenamed, onEnd }) {
  if (place.parentElement?.querySelector(":scope > form.rename")) return;
  const form = element("form", undefined, "rename");
  const field = element("input");
  Object.assign(field, { value: title, maxLength: MAX_CHARACTERS, required: true });
  field.setAttribute("aria-label", t("Title"));
  const end = () => {
    form.remove();
    place.hidden = false;
    onEnd();
  };
  form.append(field, element("button", t("Save"), "primary"), button(t("Cancel"), "quiet", end));
  form.addEventListener("keydown", (event) => event.key === "Escape" && end());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = field.value.trim();
    if (!typed || typed === title) return end();
    try {
      await request("PATCH /api/transcripts/{id}", { path: { id }, body: { title: typed } });
      onRenamed(typed);
      end();
    } catch (error) {
      toast(t("Not renamed: {error}", { error: messageOf(error) }));
    }
  });
  place.hidden = true;
  place.after(form);
  field.focus();
  field.select();
}
