/** Screen wake lock: keeps the screen on while somebody speaks or reads along, where the browser can. */

export class WakeLock {
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #wanted = false;

  constructor() {
    // The browser releases the lock of a hidden page.
    document.addEventListener("visibilitychange", () => void this.#acquire());
  }

  /** @param {boolean} on */
  set(on) {
    this.#wanted = on;
    if (on) return void this.#acquire();
    void this.#lock?.release();
    this.#lock = null;
  }

  async #acquire() {
    if (!this.#wanted || document.hidden) return;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch {
      this.#lock = null; // refused because of a low battery, or an older browser
    }
  }
}
