/** The first steps: shows one at a time; its address keeps the place. A first try, and the measurement. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request, upload } from "../core/api.js";
import { all, buttonById, byId, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startSuggestions } from "../ui/model-suggestions.js";
import { startPage } from "../ui/page-frame.js";
import { showTrust } from "../ui/trust-line.js";

const LONGEST_MILLISECONDS = 15_000;

/** @param {HTMLElement} root */
export function mount(root) {
  startPage(root);
  const steps = all(root, ".step");
  const show = (/** @type {boolean} */ focuses) => {
    const current = steps.find(({ id }) => `#${id}` === location.hash) ?? steps[0];
    for (const step of steps) step.hidden = step !== current;
    for (const link of all(root, ".steps a")) {
      if (link.getAttribute("href") === `#${current?.id}`) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
    if (focuses) current?.querySelector("h2")?.focus();
  };
  window.addEventListener("hashchange", () => show(true));
  show(false);
  if (root.querySelector("#trust-state")) void showTrust();
  new FirstTry();
  startSuggestions();
  buttonById("finish").addEventListener("click", () => void finish());
}

async function finish() {
  try {
    await request("DELETE /api/first-steps");
    location.assign(fromRoot("/"));
  } catch (error) {
    byId("measure-state").textContent = messageOf(error);
  }
}

class FirstTry {
  #speak = buttonById("try-speak");
  /** @type {MediaRecorder | null} */
  #recorder = null;

  constructor() {
    this.#speak.addEventListener("click", () => void this.#toggle());
    buttonById("try-file").addEventListener("click", () => inputById("try-picker").click());
    inputById("try-picker").addEventListener("change", () => {
      const file = inputById("try-picker").files?.[0];
      if (file) void this.#transcribe(file, file.name);
    });
    if (navigator.mediaDevices && globalThis.MediaRecorder) return;
    this.#speak.disabled = true;
    this.#say(t("Browsers give the microphone to secure pages only. A file works all the same."));
  }

  async #toggle() {
    if (this.#recorder) return this.#recorder.stop();
    byId("try-wrong").textContent = "";
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      this.#record(stream);
    } catch {
      byId("try-wrong").textContent = t(
        "The microphone is not there or not allowed. A file works all the same.",
      );
    }
  }

  /** @param {MediaStream} stream */
  #record(stream) {
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => {
      this.#recorder = null;
      this.#speak.setAttribute("aria-pressed", "false");
      for (const track of stream.getTracks()) track.stop();
      const type = recorder.mimeType.includes("mp4") ? "m4a" : "webm";
      void this.#transcribe(new Blob(parts), `${t("First words")}.${type}`);
    });
    recorder.start();
    setTimeout(() => recorder.state === "recording" && recorder.stop(), LONGEST_MILLISECONDS);
    this.#recorder = recorder;
    this.#speak.setAttribute("aria-pressed", "true");
    this.#say(t("Listening. Press the button again to stop."));
  }

  /** @param {Blob} sound @param {string} name */
  async #transcribe(sound, name) {
    this.#say(t("Transcribing"));
    byId("try-wrong").textContent = "";
    const form = new FormData();
    form.append("file", sound, name);
    try {
      const answer = /** @type {{text?: string}} */ (
        await upload("POST /transcribe", form, { onProgress: () => {} })
      );
      this.#show(answer.text);
    } catch (error) {
      byId("try-wrong").textContent = messageOf(error);
      this.#say("");
    }
  }

  /** @param {string | undefined} text Nothing: the recording takes longer than the request waits. */
  #show(text) {
    const words = byId("first-words");
    words.hidden = !text;
    words.textContent = text ?? "";
    if (text === undefined) this.#say(t("This takes longer. The words appear in your library."));
    else
      this.#say(
        text ? t("These are your words.") : t("No speech was found. Try again, nearer to the microphone."),
      );
  }

  /** @param {string} sentence */
  #say(sentence) {
    byId("try-state").textContent = sentence;
  }
}
