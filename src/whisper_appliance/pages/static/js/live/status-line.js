/** The one sentence that the live view says about how things stand, if there is anything to say. */
import { counted } from "../core/format.js";
import { PACKET_SECONDS } from "./send-queue.js";

const WAITS_SECONDS = 2;
const QUIET_LEVELS = 120; // six seconds
const LIMIT_SECONDS = 5 * 60;

/** @typedef {{kind: string, text: string, grave?: boolean}} Note */

/** @param {number} seconds */
const waiting = (seconds) =>
  `Nothing is lost: ${Math.round(seconds)} s ${Math.round(seconds) === 1 ? "is" : "are"} waiting.`;

/**
 * @param {string} state
 * @param {import("./live-session.js").LiveSession | null} session
 * @param {number} quiet For how many levels there was no sound.
 * @param {string} message What went wrong last, for as long as it matters.
 * @returns {Note}
 */
export function noteOf(state, session, quiet, message) {
  if (state === "asking")
    return {
      kind: "asking",
      text: "Your browser asks whether this page may use the microphone. Allow it to begin.",
    };
  if (!session) return { kind: "", text: "" };
  return (
    lostNote(session) ??
    connectionNote(state, session) ??
    stateNote(state, session, quiet, message) ?? { kind: "", text: "" }
  );
}

/** @param {import("./live-session.js").LiveSession} session @returns {Note | null} */
function lostNote({ outbox }) {
  if (!outbox.lost) return null;
  const seconds = Math.ceil(outbox.lost / 10);
  return {
    kind: "lost",
    grave: true,
    text: `More than 5 minutes were waiting. ${counted(seconds, "second")} of the oldest had to be given up.`,
  };
}

/** @param {string} state @param {import("./live-session.js").LiveSession} session @returns {Note | null} */
function connectionNote(state, { attached, begun, outbox, reached, socket, trouble }) {
  const seconds = outbox.waitingSeconds;
  if (trouble) return { kind: "trouble", grave: true, text: `${trouble.message} ${waiting(seconds)}` };
  const away = attached ? !reached : !socket.connected && state !== "paused";
  if (begun && away) return { kind: "reconnecting", grave: true, text: `Reconnecting. ${waiting(seconds)}` };
  if (!begun && seconds > WAITS_SECONDS)
    return { kind: "connecting", text: `The appliance has not answered yet. ${waiting(seconds)}` };
  if (seconds > WAITS_SECONDS) return { kind: "catching-up", text: `Catching up. ${waiting(seconds)}` };
  return null;
}

/** @param {string} state @param {import("./live-session.js").LiveSession} session @param {number} quiet @param {string} message @returns {Note | null} */
function stateNote(state, session, quiet, message) {
  if (message) return { kind: "message", grave: true, text: message };
  if (state === "left")
    return {
      kind: "left",
      text: "The page was left while it was recording. What was said so far is kept: continue, or finish it.",
    };
  if (state === "paused")
    return {
      kind: "paused",
      text: "After ten minutes a paused recording ends by itself. Its transcript is kept.",
    };
  const left = (session.ticket?.mostSeconds ?? Infinity) - session.outbox.end * PACKET_SECONDS;
  if (state === "on" && left < LIMIT_SECONDS)
    return {
      kind: "limit",
      grave: true,
      text: `In ${counted(Math.max(1, Math.ceil(left / 60)), "minute")} this recording is as long as one may be. It ends then, and its transcript is kept.`,
    };
  if (state === "finishing")
    return { kind: "finishing", text: "The last words are being heard. The transcript opens in a moment." };
  if (quiet > QUIET_LEVELS)
    return { kind: "quiet", text: "No sound comes in. Is the microphone muted, or the wrong one chosen?" };
  return null;
}
