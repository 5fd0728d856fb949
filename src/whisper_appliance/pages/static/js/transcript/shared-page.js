/** The page behind a public link: one transcript, to be read. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { byId, showFacts, slot } from "../core/dom.js";
import { clock, languageName } from "../core/format.js";
import { t } from "../core/i18n.js";
import { FollowWords } from "../player/follow-words.js";
import { PlayerBar, secondsInAddress } from "../player/player-bar.js";
import { copyText } from "../ui/copy-button.js";
import { fillDownloads } from "../ui/download-menu.js";
import { startMenus } from "../ui/menu.js";
import { removeNotWhole } from "../ui/not-whole.js";
import { startTheme } from "../ui/theme.js";
import { showChapters } from "./chapters.js";
import { FindInPage } from "./find-in-page.js";
import { startCopyMenu, textOf } from "./paragraph-text.js";
import { showUnsure, showWarnings } from "./transcript-details.js";
import { TranscriptLines } from "./transcript-lines.js";
import { TranslationBeside } from "./translation-beside.js";

/** @typedef {import("../core/api.js").Responses["GET /api/shared/{token}"]} SharedTranscript */

/** @param {HTMLElement} root */
export function mount(root) {
  removeNotWhole();
  const token = root.dataset.token ?? "";
  /** @type {SharedTranscript | undefined} */
  let shown;
  startTheme();
  startMenus();
  const address = fromRoot(`/api/shared/${encodeURIComponent(token)}`);
  const bar = new PlayerBar({
    audio: `${address}/audio`,
    peaks: `${address}/peaks`,
    subtitles: `${address}?format=vtt`,
  });
  const translation = new TranslationBeside(() => {
    if (shown) lines.show(shown);
    find.searchAgain();
  });
  const lines = new TranscriptLines(byId("words"), translation);
  const words = new FollowWords(bar.player, lines);
  const find = new FindInPage(lines);
  /** @param {import("./paragraph-text.js").TextOptions} [options] */
  const copy = async (options) => {
    if (shown) await copyText(textOf(shown, options), t("Text copied."));
  };
  byId("copy").addEventListener("click", () => void copy());
  startCopyMenu((options) => void copy(options));
  const load = async () => {
    try {
      const query = new URLSearchParams({ translation: "beside" });
      const transcript = await request("GET /api/shared/{token}", { path: { token }, query });
      shown = transcript;
      translation.show(
        transcript.segments.map((segment) => segment.translation ?? ""),
        transcript.translation_language ?? "",
      );
      show(transcript, token, lines);
      find.searchAgain();
      lines.showAddressed();
      if (!transcript.recording) return;
      words.setSegments(transcript.segments);
      bar.show(transcript);
      byId("player-menu").hidden = true; // nothing in it is for those who have only a link
      const seconds = secondsInAddress(new URL(location.href));
      if (seconds !== null) bar.player.seek(seconds);
    } catch (error) {
      showGone(messageOf(error));
    }
  };
  void load();
}

/** @param {SharedTranscript} transcript @param {string} token @param {TranscriptLines} lines */
function show(transcript, token, lines) {
  const { title, created, duration, language, expires } = transcript;
  byId("title").textContent = title;
  document.title = `${title} · Whisper Appliance`;
  fillDownloads(slot(byId("tools"), "downloads"), `/api/shared/${encodeURIComponent(token)}`, title);
  showFacts(byId("facts"), [
    dayAndTime(created),
    clock(duration),
    languageName(language),
    expires && t("link ends {expires}", { expires: dayAndTime(expires) }),
  ]);
  byId("transcript").setAttribute("aria-busy", "false"); // before the words, which are measured
  showUnsure(lines.show(transcript));
  showWarnings(transcript.warnings);
  showChapters(transcript.segments, transcript.chapters);
}

/** @param {string} message */
function showGone(message) {
  byId("transcript").hidden = true;
  byId("gone").hidden = false;
  byId("gone-text").textContent = message;
  byId("gone-title").focus();
}
