/** Keeps the screen on while somebody speaks or reads along, where the browser can. */

/** @type {WakeLockSentinel | null} */
let lock = null;
let wanted = false;

async function take() {
  if (!wanted || document.hidden) return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch {
    lock = null; // a low battery may forbid it, and an older browser does not know it
  }
}

/** @param {boolean} on */
export function stayAwake(on) {
  wanted = on;
  if (on) void take();
  else {
    void lock?.release();
    lock = null;
  }
}

document.addEventListener("visibilitychange", () => void take());
