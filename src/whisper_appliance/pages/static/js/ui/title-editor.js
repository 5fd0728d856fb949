/** A title that turns into a field and back. */
import { api } from "../core/api.js";
import { element } from "../core/dom.js";
import { toast } from "./toast.js";

const MAX_CHARACTERS = 200;

/**
 * @param {HTMLElement} place What the field stands in for.
 * @param {{id: string, title: string, onRenamed: (title: string) => void, onEnd: () => void}} subject
 */
export function startRename(place, { id, title, onRenamed, onEnd }) {
  if (place.parentElement?.querySelector(":scope > form.rename")) return;
  const form = element("form", undefined, "rename");
  const field = element("input");
  Object.assign(field, { value: title, maxLength: MAX_CHARACTERS, required: true });
  field.setAttribute("aria-label", "Title");
  const save = element("button", "Save", "primary");
  const leave = element("button", "Cancel", "quiet");
  leave.type = "button";
  form.append(field, save, leave);

  const end = () => {
    form.remove();
    place.hidden = false;
    onEnd();
  };
  leave.addEventListener("click", end);
  form.addEventListener("keydown", (event) => event.key === "Escape" && end());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = field.value.trim();
    if (!wanted || wanted === title) return end();
    try {
      await api.rename(id, wanted);
      onRenamed(wanted);
      end();
    } catch (error) {
      toast(`Not renamed: ${/** @type {Error} */ (error).message}`);
    }
  });

  place.hidden = true;
  place.after(form);
  field.focus();
  field.select();
}
