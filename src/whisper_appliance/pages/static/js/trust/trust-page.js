/** The page about the certificate: opens the steps for this device, copies the fingerprint. */
import { byId, copyText } from "../core/dom.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";

/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone|iPad/, "ios"],
  [/Android/, "android"],
  [/Firefox\//, "firefox"],
  [/Windows/, "windows"],
  [/Macintosh/, "macos"],
  [/Linux|X11/, "linux"],
];

function thisSystem() {
  if (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1) return "ios"; // an iPad that says it is a Mac
  return SYSTEMS.find(([pattern]) => pattern.test(navigator.userAgent))?.[1];
}

async function copyFingerprint() {
  await copyText(byId("fingerprint").textContent ?? "").then(
    () => toast("Fingerprint copied."),
    () => toast("Can't copy here. Select the fingerprint and copy it by hand."),
  );
}

startPage();
document.getElementById(thisSystem() ?? "")?.setAttribute("open", "");
document.getElementById("copy-fingerprint")?.addEventListener("click", copyFingerprint);
