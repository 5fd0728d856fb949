/** What is behind a public link: one transcript, to be read. */
import { ApiError, ask } from "../core/api.js";
import { byId, copyText, element, fillDownloads, showFacts, slot } from "../core/dom.js";
import { Find } from "./find-in-page.js";
import { clock, day, languageName, timeOfDay } from "../core/format.js";
import { showLines } from "./transcript-lines.js";
import { startMenus } from "../ui/menu.js";
import { startTheme } from "../ui/theme.js";
import { toast } from "../ui/toast.js";

const path = `/api/shared/${encodeURIComponent(document.body.dataset.token ?? "")}`;
let text = "";

/** @param {import("../core/api.js").Transcript & {expires: string | null}} it */
function show(it) {
  text = it.text;
  byId("title").textContent = it.title;
  document.title = `${it.title} · Whisper Appliance`;
  fillDownloads(slot(byId("tools"), "downloads"), path, it.title);
  showFacts(byId("facts"), [
    `${day(it.created)}, ${timeOfDay(it.created)}`,
    clock(it.duration),
    languageName(it.language),
    it.expires && `link ends ${day(it.expires)}, ${timeOfDay(it.expires)}`,
  ]);
  showLines(byId("words"), it.segments);
  find.again();
  if (!it.segments.length)
    byId("words").append(element("p", "No speech was found in this recording.", "empty"));
  byId("transcript").setAttribute("aria-busy", "false");
}

async function load() {
  try {
    show(await ask(path));
  } catch (error) {
    const { message } = /** @type {ApiError} */ (error);
    byId("transcript").hidden = true;
    byId("gone").hidden = false;
    byId("gone-text").textContent = message;
    byId("gone-title").focus();
  }
}

startTheme();
startMenus();
const find = new Find(byId("words"));
byId("copy").addEventListener("click", async () => {
  await copyText(text).then(
    () => toast("Text copied."),
    () => toast("Can't copy here. Select the text and copy it by hand."),
  );
});
void load();
