/** The choice of WebRTC for live speech: a check box where the appliance offers it, or `?transport=` in the address. */
import { readStored, writeStored } from "../core/storage.js";

const STORAGE_KEY = "live-transport";

const checkBox = () => /** @type {HTMLInputElement | null} */ (document.getElementById("webrtc"));

/** Shows the choice of the address, else that of the last visit. */
export function showTransport() {
  const box = checkBox();
  if (!box) return;
  const asked = new URLSearchParams(location.search).get("transport");
  box.checked = (asked ?? readStored(STORAGE_KEY, "socket")) === "webrtc";
  const store = () => writeStored(STORAGE_KEY, usesWebRtc() ? "webrtc" : "socket");
  box.addEventListener("change", store);
  box.form?.addEventListener("reset", () => setTimeout(store)); // fields are reset after the event
}

export const usesWebRtc = () => Boolean(checkBox()?.checked) && "RTCPeerConnection" in window;
