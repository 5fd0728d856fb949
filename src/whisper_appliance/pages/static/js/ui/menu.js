/** Menus are `details`: they open by themselves, and close here on Escape, on a click beside them, on a choice. */

const OPEN = "details.menu[open]";

/** @param {Event} event */
function clicked(event) {
  const target = /** @type {Element} */ (event.target);
  for (const menu of document.querySelectorAll(OPEN)) {
    if (!menu.contains(target) || target.closest(".menu-panel a")) menu.removeAttribute("open");
  }
}

/** @param {KeyboardEvent} event */
function pressed(event) {
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
  const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
  links[at < 0 ? (step > 0 ? 0 : links.length - 1) : (at + step + links.length) % links.length].focus();
}

/** Watches the whole page; menus made later are included. */
export function startMenus() {
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
}
