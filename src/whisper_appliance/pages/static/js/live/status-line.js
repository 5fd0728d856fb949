/** The status line of the live view: the one sentence about connection, sound and limits, if there is any to show. */

import { t, tn } from "../core/i18n.js";
import { PACKET_SECONDS } from "./send-queue.js";

const CATCHING_UP_SECONDS = 2;
const SILENT_LEVELS = 120; // six seconds
const LIMIT_SECONDS = 5 * 60;

/**
 * @typedef {import("./live-session.js").LiveSession} LiveSession
 * @typedef {{kind: string, text: string, grave?: boolean}} Status `kind` changes when the sentence means something else.
 */

/** @param {number} seconds */
const waitingText = (seconds) =>
  tn(
    "Nothing is lost: {count} s is waiting.",
    "Nothing is lost: {count} s are waiting.",
    Math.round(seconds),
  );

/**
 * @param {string} state Of the live view.
 * @param {LiveSession | null} session
 * @param {number} silentLevels How many levels in a row were silent.
 * @param {string} message The last error, as long as it matters.
 * @returns {Status}
 */
export function statusOf(state, session, silentLevels, message) {
  if (state === "asking") {
    const text = t("Your browser asks whether this page may use the microphone. Allow it to begin.");
    return { kind: "asking", text };
  }
  if (!session) return { kind: "", text: "" };
  return (
    lossStatus(session) ??
    connectionStatus(state, session) ??
    recordingStatus(state, session, silentLevels, message) ?? { kind: "", text: "" }
  );
}

/** @param {LiveSession} session @returns {Status | null} */
function lossStatus({ queue }) {
  if (!queue.lost) return null;
  const lost = tn("{count} second", "{count} seconds", Math.ceil(queue.lost * PACKET_SECONDS));
  return {
    kind: "lost",
    grave: true,
    text: t("More than 5 minutes were waiting. {lost} of the oldest are lost.", { lost }),
  };
}

/** @param {string} state @param {LiveSession} session @returns {Status | null} */
function connectionStatus(state, { attached, begun, queue, reached, socket, trouble }) {
  const seconds = queue.waitingSeconds;
  const waiting = waitingText(seconds);
  if (trouble) return { kind: "trouble", grave: true, text: `${trouble.message} ${waiting}` };
  const isAway = attached ? !reached : !socket.connected && state !== "paused";
  if (begun && isAway)
    return { kind: "reconnecting", grave: true, text: t("Reconnecting. {waiting}", { waiting }) };
  if (seconds <= CATCHING_UP_SECONDS) return null;
  if (!begun)
    return { kind: "connecting", text: t("The appliance has not answered yet. {waiting}", { waiting }) };
  return { kind: "catching-up", text: t("Catching up. {waiting}", { waiting }) };
}

/**
 * @param {string} state
 * @param {LiveSession} session
 * @param {number} silentLevels
 * @param {string} message
 * @returns {Status | null}
 */
function recordingStatus(state, session, silentLevels, message) {
  if (message) return { kind: "message", grave: true, text: message };
  if (state === "left") {
    const text = t(
      "The page was left while it was recording. What was said so far is kept: continue, or finish it.",
    );
    return { kind: "left", text };
  }
  if (state === "paused") {
    return {
      kind: "paused",
      text: t("After ten minutes a paused recording ends by itself. Its transcript is kept."),
    };
  }
  const left = (session.ticket?.maxSeconds ?? Infinity) - session.queue.end * PACKET_SECONDS;
  if (state === "on" && left < LIMIT_SECONDS) {
    const minutes = tn("{count} minute", "{count} minutes", Math.max(1, Math.ceil(left / 60)));
    const text = t(
      "In {minutes} this recording is as long as one may be. It ends then, and its transcript is kept.",
      { minutes },
    );
    return { kind: "limit", grave: true, text };
  }
  if (state === "finishing") {
    const text = t("The last words are being transcribed. The transcript opens in a moment.");
    return { kind: "finishing", text };
  }
  if (silentLevels > SILENT_LEVELS) {
    return { kind: "quiet", text: t("No sound comes in. Is the microphone muted, or the wrong one chosen?") };
  }
  return null;
}
