/** Remembered voices of the account: switched on and off, listed and forgotten. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, element, formById, showFacts } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account/voices"]["voices"][number]} Voice */

/** Starts the switch and the list. */
export function startVoices() {
  const form = formById("voices-form");
  const box = /** @type {HTMLInputElement} */ (form.elements.namedItem("remember"));
  onSubmit(form, async () => {
    const remember = box.checked;
    if (!remember && byId("voices").querySelector("button") && !(await isOffConfirmed())) {
      box.checked = true;
      return;
    }
    await request("PUT /api/account/voices", { body: { remember } });
    toast(remember ? t("Saved. It holds for new recordings.") : t("Saved. All voices are forgotten."));
    await loadVoices();
  });
  if (box.checked) void loadVoices();
}

function isOffConfirmed() {
  const text = t("All remembered voices are deleted. Names in your transcripts stay.");
  return confirmed({ title: t("Forget all voices?"), text, action: t("Forget") });
}

async function loadVoices() {
  const list = byId("voices");
  try {
    const { remember, voices } = await request("GET /api/account/voices");
    list.hidden = !remember;
    list.replaceChildren(...voices.map(voiceItem));
    if (!voices.length) list.append(element("li", t("No voices yet."), "soft"));
  } catch (error) {
    list.replaceChildren(element("li", messageOf(error), "soft"));
  }
}

/** @param {Voice} voice */
function voiceItem(voice) {
  const { name, recordings, created } = voice;
  const item = element("li", undefined, "item");
  const text = element("div");
  const facts = element("p", undefined, "facts");
  showFacts(facts, [
    tn("from {count} recording", "from {count} recordings", recordings),
    t("since {created}", { created: dayAndTimeInline(created) }),
  ]);
  const title = element("strong", name);
  title.dir = "auto";
  text.append(title, facts);
  const forget = button(t("Forget"), "button danger", () => void forgetVoice(voice));
  forget.setAttribute("aria-label", t("Forget the voice of {name}", { name }));
  item.append(text, forget);
  return item;
}

/** @param {Voice} voice */
async function forgetVoice({ id, name }) {
  const text = t("The name is not offered any more. It stays in your transcripts.");
  const title = t("Forget the voice of {name}?", { name });
  if (!(await confirmed({ title, text, action: t("Forget") }))) return;
  try {
    await request("DELETE /api/account/voices/{id}", { path: { id } });
    toast(t("Voice forgotten."));
  } catch (error) {
    toast(messageOf(error));
  }
  await loadVoices();
}
