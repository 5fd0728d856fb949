/** The page of one transcript: to read, search, rename, copy, download, share, delete. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { day, dayAndTime } from "../core/datetime.js";
import { byId, showFacts, slot } from "../core/dom.js";
import { takeOver } from "../core/file-handover.js";
import { clock, languageName, speed } from "../core/format.js";
import { t } from "../core/i18n.js";
import { onReconnected } from "../core/page-events.js";
import { FollowWords } from "../player/follow-words.js";
import { KeptRecording } from "../player/kept-recording.js";
import { PlayerBar, secondsInAddress } from "../player/player-bar.js";
import { copyText } from "../ui/copy-button.js";
import { fillDownloads } from "../ui/download-menu.js";
import { startPage } from "../ui/page-frame.js";
import { editTitle } from "../ui/title-editor.js";
import { toast } from "../ui/toast.js";
import { withChanges, withWords } from "./apply-changes.js";
import { showChapters } from "./chapters.js";
import { ChaptersDialog } from "./chapters-dialog.js";
import { DoubtfulWords } from "./doubt.js";
import { Edits, isEditable } from "./edits.js";
import { ExpectedWords } from "./expected-words.js";
import { FindInPage } from "./find-in-page.js";
import { LeftOut } from "./left-out.js";
import { LineDialog } from "./line-dialog.js";
import { LineEditor } from "./line-editor.js";
import { LiveChanges } from "./live-changes.js";
import { Notes, withSame } from "./notes.js";
import { authorOf, OthersChanges } from "./others-changes.js";
import { startCopyMenu, textOf } from "./paragraph-text.js";
import { ReplaceDialog } from "./replace-dialog.js";
import { ShareDialog } from "./share-dialog.js";
import { SpanDialog } from "./span-dialog.js";
import { SpeakersDialog } from "./speakers-dialog.js";
import { showProvenance, showUnsure, showWarnings } from "./transcript-details.js";
import { TranscriptLines } from "./transcript-lines.js";
import { Translation } from "./translation.js";
import { VersionsDialog } from "./versions-dialog.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {import("../core/api.js").ApiError} ApiError
 */

/** @type {Record<Transcript["access"], string | null>} */
const SHARED_WORDS = {
  own: null,
  edit: t("shared with you, to edit"),
  comment: t("shared with you, to write notes"),
  read: t("shared with you"),
};

/** @param {HTMLElement} root */
export function mount(root) {
  const { shortcuts } = startPage(root);
  const page = new TranscriptPage(root);
  shortcuts.add({
    "/": () => byId("find").focus(),
    c: () => void page.copy(),
    d: () => page.openDownloads(),
    e: () => page.rename(),
    s: () => page.share(),
  });
  page.bar.addKeys(shortcuts);
  page.addEditingKeys(shortcuts);
  void page.load();
}

class TranscriptPage {
  /** @type {Transcript | undefined} */
  #transcript;
  /** @type {string | null | undefined} The job that wrote the words. */
  #jobId;
  /** Number of the last alignment in the words. */
  #aligned = 0;
  /** @type {LineEditor | undefined} */
  editor;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.id = root.dataset.transcriptId ?? "";
    this.hasPresets = "hasPresets" in root.dataset;
    this.remembersVoices = "remembersVoices" in root.dataset;
    this.lines = new TranscriptLines(byId("words"), {
      nodesAfter: (place) => this.#beside.flatMap((each) => each.nodesAfter(place)),
      sourceAfter: (place) => this.#beside.flatMap((each) => each.sourceAfter(place)),
    });
    this.find = new FindInPage(this.lines);
    this.sharing = new ShareDialog(this.id, root);
    const address = fromRoot(`/api/transcripts/${this.id}`);
    this.bar = new PlayerBar({
      audio: `${address}/audio`,
      peaks: `${address}/peaks`,
      subtitles: `${address}?format=vtt`,
    });
    this.player = this.bar.player;
    this.words = new FollowWords(this.player, this.lines);
    this.leftOut = new LeftOut({
      current: () => this.#transcript,
      reload: () => this.#refresh(),
      lineAt: (place) => this.lines.lineAt(place),
    });
    this.#wireEditing();
    this.notes = new Notes({
      current: () => this.#transcript,
      seconds: () => this.edits?.segmentOf(this.editor?.focused ?? null)?.start ?? this.player.currentSeconds,
      seek: (seconds) => this.player.seek(seconds),
      lineAt: (place) => this.lines.lineAt(place),
      changed: (notes) => this.#showNotes(notes),
    });
    this.chapters = new ChaptersDialog({
      current: () => this.#transcript,
      seconds: () => this.edits?.segmentOf(this.editor?.focused ?? null)?.start ?? this.player.currentSeconds,
      changed: (chapters) => this.#showChapters(chapters),
      pause: () => this.player.pause(),
    });
    this.translation = new Translation(this.id, {
      current: () => this.#transcript,
      changed: () => this.#transcript && this.#showAgain(this.#transcript),
    });
    this.#wireLiveChanges();
    const title = () => byId("title").textContent ?? "";
    this.kept = new KeptRecording(this.id, title, (recording) => this.#showRecording(recording));
    byId("copy").addEventListener("click", () => void this.copy());
    startCopyMenu((options) => void this.copy(options));
    byId("share").addEventListener("click", () => this.share());
    byId("delete").addEventListener("click", () => void this.#delete());
    byId("undo").addEventListener("click", () => void this.#restore());
    byId("again").addEventListener("click", () => void this.load());
    byId("rename").addEventListener("click", () => this.rename());
    onReconnected(() => this.#transcript || void this.load());
  }

  /** @returns {import("./transcript-lines.js").Beside[]} What stands after a line, the nearest first. */
  get #beside() {
    return [this.translation.beside, this.leftOut, this.notes];
  }

  #wireEditing() {
    this.edits = new Edits({
      current: () => this.#transcript,
      changed: (answer) => this.#showChanges(answer),
      received: (changes, answer) => this.#showChanges(answer, changes),
      isBusy: () => Boolean(this.editor?.isComposing),
      reload: () => this.#refresh(),
      lineAt: (place) => this.lines.lineAt(place),
      state: byId("edit-state"),
    });
    const { edits, player } = this;
    this.lineDialog = new LineDialog(edits);
    this.speakers = new SpeakersDialog(edits, this.id);
    this.replacing = new ReplaceDialog(edits, new ExpectedWords(this.hasPresets));
    this.versions = new VersionsDialog(this.id, edits);
    this.span = new SpanDialog(edits, {
      current: () => this.#transcript,
      seconds: () => player.currentSeconds,
      focused: () => this.editor?.focused ?? null,
    });
    byId("open-span").addEventListener("mousedown", (event) => event.preventDefault()); // what is selected stays so
    this.editor = new LineEditor(byId("words"), edits, {
      pause: () => player.pause(),
      details: (segment) => this.lineDialog?.open(segment),
      corrected: (before, after) => this.replacing?.offer(before, after),
      composed: () => void edits.takeReceived(),
    });
    this.doubt = new DoubtfulWords({
      segments: () => edits.segments,
      lineOf: (key) => edits.lineOf(key),
      play: (start, end) => player.hasRecording && player.play(start, end),
      scrollTo: (seconds) => this.words.scrollTo(seconds),
    });
    for (const [id, run] of Object.entries(this.#editingControls())) byId(id).addEventListener("click", run);
  }

  #wireLiveChanges() {
    this.others = new OthersChanges(this.lines, (line) => this.edits?.segmentOf(line)?.key);
    this.live = new LiveChanges(this.id, {
      known: () =>
        this.#transcript && {
          revision: this.#transcript.revision,
          chapters: this.#transcript.chapters?.revision,
          aligned: this.#aligned,
        },
      events: {
        change: (change) => this.edits?.receive(change),
        title: ({ title }) => this.#retitle(title),
        notes: ({ notes }) => this.#showNotes(notes),
        chapters: (chapters) => this.#showChapters(chapters),
        translation: (now) => this.translation.receive(now),
        recording: (kept) => void this.#followRecording(kept),
        words: (event) => this.#showAligned(event),
      },
      refused: () => this.#refresh(),
    });
  }

  /** @returns {Record<string, () => void>} */
  #editingControls() {
    return {
      "undo-edit": () => void this.edits?.takeBack("POST /api/transcripts/{id}/undo"),
      "redo-edit": () => void this.edits?.takeBack("POST /api/transcripts/{id}/redo"),
      "open-speakers": () => this.speakers?.open(),
      "open-replace": () => this.replacing?.open(),
      "open-versions": () => void this.versions?.open(),
      "open-span": () => this.span?.open(),
      "next-unsure": () => this.doubt?.next(),
    };
  }

  /** @param {import("../ui/shortcuts.js").Shortcuts} shortcuts */
  addEditingKeys(shortcuts) {
    const focused = () => this.editor?.focused ?? null;
    shortcuts.add({
      n: () => void this.editor?.insertAfter(focused()),
      t: () => this.lineDialog?.open(this.edits?.segmentOf(focused())),
      "Shift+Delete": () => void this.editor?.remove(focused()),
      u: () => this.doubt?.next(),
      p: () => this.speakers?.open(),
      f: () => this.replacing?.open(),
      v: () => void this.versions?.open(),
      m: () => this.notes.open(),
      b: () => this.chapters.open(),
      a: () => this.span?.open(),
    });
  }

  async load() {
    byId("gone").hidden = true;
    byId("transcript").hidden = false;
    try {
      this.#transcript = await this.#read();
      this.#show(this.#transcript);
      this.live?.start();
      if (this.remembersVoices && this.#transcript.access === "own") void this.speakers?.offerNames();
    } catch (error) {
      this.bar.hide();
      const { status, message } = /** @type {ApiError} */ (error);
      if (status !== 404) showGone(t("Can't show this transcript"), message, "again");
      else showGone(t("No such transcript"), t("It was deleted, or it belongs to somebody else."), null);
    }
  }

  /** @returns {Promise<Transcript>} The whole transcript as it is now. */
  async #read() {
    let aligned = 0;
    const transcript = await request("GET /api/transcripts/{id}", {
      path: { id: this.id },
      onHeaders: (headers) => {
        aligned = Number(headers.get("X-Words-Aligned"));
      },
    });
    this.#aligned = aligned;
    return transcript;
  }

  /** @param {Transcript} transcript */
  #show(transcript) {
    const { access, created, duration, language, model, processing_seconds, task } = transcript;
    const isOwn = access === "own";
    this.#showTitle(transcript.title);
    byId("rename").hidden = !isEditable(transcript);
    for (const control of ["share", "delete"]) byId(control).hidden = !isOwn;
    showFacts(byId("facts"), [
      dayAndTime(created),
      clock(duration),
      task === "translate"
        ? t("{language} into English", { language: languageName(language) })
        : languageName(language),
      model,
      speed(duration, processing_seconds),
      SHARED_WORDS[access],
      transcript.recording?.delete_at
        ? t("recording until {day}", { day: day(transcript.recording.delete_at) })
        : null,
    ]);
    byId("transcript").setAttribute("aria-busy", "false"); // before the words, which are measured
    this.#showWords(transcript);
    const words = new URL(location.href).searchParams.get("q");
    if (words && !this.find.field.value) this.find.searchFor(words);
    else this.find.searchAgain();
    showWarnings(transcript.warnings);
    showProvenance(transcript);
    this.#showRecording(transcript.recording ?? null);
    if (!transcript.recording) void this.#playHandedOver();
    const seconds = secondsInAddress(new URL(location.href));
    if (seconds !== null) {
      this.player.seek(seconds);
      this.words.scrollTo(seconds);
    } else if (!this.notes.goToAddressed()) this.lines.showAddressed();
  }

  /** Shows the words as they are now, at the same place. @returns {Promise<boolean>} Whether they may be read. */
  async #refresh() {
    try {
      this.#showAgain(await this.#read());
      return true;
    } catch (error) {
      toast(messageOf(error));
      return /** @type {ApiError} */ (error).status !== 404;
    }
  }

  /**
   * Shows what an edit changed, without loading all of it again.
   * @param {import("./edits.js").Changed} answer
   * @param {import("./edits.js").Change[]} others Those of its changes that others made.
   */
  async #showChanges(answer, others = answer.changes.slice(0, -1)) {
    const changed = this.#transcript && withChanges(this.#transcript, answer);
    if (changed) this.#showAgain(changed, authorOf(others));
    else await this.#refresh();
    if (others.length) this.others?.show(others);
  }

  /** @param {Transcript} transcript @param {string} [author] Who changed it. */
  #showAgain(transcript, author = authorOf([])) {
    const stay = this.lines.holdPlace();
    this.editor?.keepOpen(() => {
      this.#transcript = transcript;
      this.#showWords(transcript);
    }, author);
    this.find.searchAgain();
    stay();
  }

  /** Shows better times of words. @param {{segments: Parameters<typeof withWords>[1], aligned: number}} event */
  #showAligned({ segments, aligned }) {
    this.#aligned = Math.max(this.#aligned, aligned);
    const better = this.#transcript && withWords(this.#transcript, segments);
    if (better && better !== this.#transcript) this.#showAgain(better);
  }

  /** @param {import("./chapters-dialog.js").Chapters} [chapters] As they are now. */
  #showChapters(chapters) {
    const transcript = this.#transcript;
    if (!transcript) return;
    if (chapters) transcript.chapters = chapters;
    showChapters(transcript.segments, transcript.chapters?.chapters ?? []);
    byId("open-chapters").hidden = !isEditable(transcript) || !transcript.segments.length;
    this.chapters.show();
  }

  /** @param {import("./notes.js").Note[]} notes All of them, as they are now. */
  #showNotes(notes) {
    const transcript = this.#transcript;
    if (!transcript) return;
    const before = transcript.notes ?? [];
    const known = new Set(before.map(({ id }) => id));
    const now = withSame(before, notes);
    if (now.length === before.length && now.every((note, place) => note === before[place])) return;
    this.#showAgain({ ...transcript, notes: now });
    this.others?.showNotes(now.filter(({ id, mine }) => !mine && !known.has(id)));
  }

  /**
   * After a live session, its recording and better words come when its job has ended.
   * @param {{recording: Transcript["recording"], job_id: string | null}} kept
   */
  async #followRecording({ recording, job_id: jobId }) {
    const transcript = this.#transcript;
    if (!transcript) return;
    const isRewritten = this.#jobId !== undefined && this.#jobId !== jobId;
    const isSame = Boolean(recording) === Boolean(transcript.recording);
    this.#jobId = jobId;
    if (isRewritten) await this.#refresh();
    if (isRewritten || !isSame) this.#showRecording(recording ?? null);
  }

  /** Somebody else may have renamed it. @param {string} title */
  #retitle(title) {
    const isBeingRenamed = document.querySelector(".title-line .rename");
    if (!this.#transcript || this.#transcript.title === title || isBeingRenamed) return;
    this.#transcript.title = title;
    this.#showTitle(title);
  }

  /** @param {Transcript} transcript */
  #showWords(transcript) {
    const { revision, segments } = transcript;
    this.leftOut.show(transcript);
    this.notes.show(transcript);
    this.translation.show(transcript);
    const unsure = this.lines.show(transcript);
    showUnsure(unsure);
    this.#showChapters();
    this.words.setSegments(segments);
    byId("edit-hint").hidden = !isEditable(transcript) || !segments.length;
    for (const control of ["undo-edit", "redo-edit", "open-versions"])
      byId(control).hidden = !isEditable(transcript) || !revision;
    byId("next-unsure").hidden = !unsure;
  }

  /** Right after an upload the browser still has the file. */
  async #playHandedOver() {
    const file = await takeOver(this.id);
    if (file) this.bar.playFile(file);
  }

  /** @param {Transcript["recording"] | null} recording */
  #showRecording(recording = null) {
    const transcript = this.#transcript;
    if (!transcript) return;
    transcript.recording = recording;
    this.bar.show(transcript);
    this.kept.show(recording, transcript.access === "own");
    this.sharing.setRecording(Boolean(recording));
  }

  /** @param {string} title */
  #showTitle(title) {
    byId("title").textContent = title;
    document.title = `${title} · Whisper Appliance`;
    fillDownloads(slot(byId("tools"), "downloads"), `/api/transcripts/${this.id}`, title);
    byId("tools").inert = false;
  }

  /** @param {import("./paragraph-text.js").TextOptions} [options] */
  async copy(options) {
    if (this.#transcript) await copyText(textOf(this.#transcript, options), t("Text copied."));
  }

  share() {
    if (this.#transcript?.access === "own") void this.sharing.open();
  }

  openDownloads() {
    const menu = /** @type {HTMLDetailsElement} */ (slot(byId("tools"), "downloads"));
    menu.open = true;
    menu.querySelector("a")?.focus();
  }

  rename() {
    const transcript = this.#transcript;
    if (!transcript || !isEditable(transcript)) return;
    byId("rename").hidden = true;
    editTitle(byId("title"), {
      id: this.id,
      title: transcript.title,
      onRenamed: (title) => {
        transcript.title = title;
        this.#showTitle(title);
      },
      onEnd: () => {
        byId("rename").hidden = false;
        byId("rename").focus();
      },
    });
  }

  async #delete() {
    try {
      this.live?.stop();
      await request("DELETE /api/transcripts/{id}", { path: { id: this.id } });
      this.bar.hide();
      showGone(
        t("Deleted"),
        t("“{title}” is in the trash.", { title: this.#transcript?.title ?? "The transcript" }),
        "undo",
      );
    } catch (error) {
      toast(t("Not deleted: {error}", { error: messageOf(error) }));
      this.live?.start();
    }
  }

  async #restore() {
    try {
      await request("POST /api/transcripts/{id}/restore", { path: { id: this.id } });
      await this.load();
      byId("delete").focus();
    } catch (error) {
      toast(t("Not restored: {error}", { error: messageOf(error) }));
    }
  }
}

/** Shows a message in the place of the transcript. @param {string} title @param {string} text @param {"undo" | "again" | null} offer */
function showGone(title, text, offer) {
  byId("transcript").hidden = true;
  byId("about").hidden = true;
  byId("gone").hidden = false;
  byId("gone-title").textContent = title;
  byId("gone-text").textContent = text;
  byId("undo").hidden = offer !== "undo";
  byId("again").hidden = offer !== "again";
  byId("gone-title").focus();
}
