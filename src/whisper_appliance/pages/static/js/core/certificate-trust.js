/** Whether this device trusts the certificate of the appliance. */

/** @typedef {"yes" | "no" | "unknown"} Trust */

const WORKER = new URL("./certificate-probe-worker.js", import.meta.url).href;

/**
 * A page cannot read its certificate. But Chromium starts no service worker from a server whose certificate warning was
 * skipped. Other browsers do not distinguish the two, so a success proves nothing there.
 * @returns {Promise<Trust>}
 */
export async function certificateTrust() {
  if (location.protocol !== "https:" || !navigator.serviceWorker) return "unknown";
  try {
    const registration = await navigator.serviceWorker.register(WORKER);
    await registration.unregister();
    return /Chrom(e|ium)\//.test(navigator.userAgent) ? "yes" : "unknown";
  } catch (error) {
    return /certificate/i.test(String(error)) ? "no" : "unknown";
  }
}
