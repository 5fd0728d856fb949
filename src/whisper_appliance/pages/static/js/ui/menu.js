/** Menus are `details` elements. This closes them on Escape, on a click outside, and on a choice; arrow keys move in them. */

const OPEN = "details.menu[open]";

/** @param {Event} event */
function onClick(event) {
  const target = /** @type {Element} */ (event.target);
  for (const menu of document.querySelectorAll(OPEN)) {
    if (!menu.contains(target) || target.closest(".menu-panel a")) menu.removeAttribute("open");
  }
}

/** @param {KeyboardEvent} event */
function onKeyDown(event) {
  const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector(OPEN));
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary")?.focus();
    return;
  }
  const links = [...menu.querySelectorAll("a")];
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (!step || !links.length || !menu.contains(document.activeElement)) return;
  event.preventDefault();
  const current = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
  const first = step > 0 ? 0 : links.length - 1;
  links[current < 0 ? first : (current + step + links.length) % links.length]?.focus();
}

/** Keeps an opened panel on the page: it goes to the right of its button where there is no room to the left. */
function onToggle(/** @type {Event} */ event) {
  const menu = /** @type {HTMLDetailsElement} */ (event.target);
  const panel = menu.matches?.(OPEN) && menu.querySelector(".menu-panel");
  if (!panel) return;
  panel.classList.remove("to-right");
  panel.classList.toggle("to-right", panel.getBoundingClientRect().left < 0);
}

/** Works for the menus of the whole page, those made later too. */
export function startMenus() {
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("toggle", onToggle, true); // it does not bubble
}
