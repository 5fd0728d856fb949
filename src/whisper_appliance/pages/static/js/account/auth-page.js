/** Pages that lead in: sign in, set up, join. One form, sent as JSON; then on to where one wanted to go. */
import { ask } from "../core/api.js";
import { byId } from "../core/dom.js";
import { startPage } from "../ui/page-frame.js";

const form = /** @type {HTMLFormElement} */ (byId("entrance"));
const problem = byId("problem");
const send = /** @type {HTMLButtonElement} */ (byId("send"));
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;

/** @param {string} name @returns {HTMLInputElement | null} */
const field = (name) => form.querySelector(`input[name="${name}"]:not([type="hidden"], [type="radio"])`);

/** @param {string} sentence @param {string} at Name of the field that is wrong. */
function say(sentence, at = "") {
  byId("problem-text").textContent = sentence;
  problem.hidden = !sentence;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  const wrong = at ? field(at) : null;
  wrong?.setAttribute("aria-invalid", "true");
  (wrong ?? (sentence ? problem : null))?.focus();
}

/** @param {string} sentence @param {number} seconds */
function wait(sentence, seconds) {
  clearInterval(countdown);
  const until = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    send.disabled = left > 0;
    byId("problem-text").textContent = left > 0 ? `${sentence} (${left} s)` : "You can try again now.";
    if (left <= 0) clearInterval(countdown);
  };
  tick();
  countdown = setInterval(tick, 500);
}

/** @param {unknown} error */
function refused(error) {
  const {
    message,
    field: at,
    status,
    retryAfterSeconds,
  } = /** @type {import("../core/api.js").ApiError} */ (error);
  send.disabled = false;
  say(message, at);
  if (status === 429 && retryAfterSeconds) wait(message, retryAfterSeconds);
  if (status === 401) field("password")?.select();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (send.disabled) return;
  say("");
  send.disabled = true;
  try {
    await ask(form.dataset.post ?? "", { method: "POST", body: Object.fromEntries(new FormData(form)) });
    location.assign(form.dataset.next ?? "/");
  } catch (error) {
    refused(error);
  }
});

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
  document.querySelectorAll("[data-shows]")
)) {
  button.addEventListener("click", () => {
    const input = field(button.dataset.shows ?? "");
    if (!input) return;
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    input.focus();
  });
}

// What an address carries should stay neither in the bar nor in the history of the browser.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname);
startPage();
