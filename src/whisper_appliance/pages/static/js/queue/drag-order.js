/** Rows of a list that are dragged by their handles, with a mouse, a pen or a finger. */

/**
 * @param {HTMLElement} list
 * @param {(row: HTMLElement) => void} onDrop Called when a row lies at another place than before.
 * @returns {{isDragging: () => boolean}}
 */
export function startDragOrder(list, onDrop) {
  /** @type {HTMLElement | null} */
  let dragged = null;
  /** @type {Element | null} */
  let nextBefore = null;

  list.addEventListener("pointerdown", (event) => {
    const handle = /** @type {HTMLElement} */ (event.target).closest(".handle");
    const row = /** @type {HTMLElement | null} */ (handle?.closest("li") ?? null);
    if (!handle || !row || event.button !== 0) return;
    dragged = row;
    nextBefore = row.nextElementSibling;
    row.classList.add("dragged");
    list.setPointerCapture(event.pointerId);
  });
  list.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const rows = [...list.children].filter((row) => row !== dragged);
    const behind = rows.find((row) => {
      const { top, height } = row.getBoundingClientRect();
      return event.clientY < top + height / 2;
    });
    const next = behind ?? null;
    if (dragged.nextElementSibling !== next) list.insertBefore(dragged, next);
  });
  const drop = (/** @type {boolean} */ isWanted) => {
    const row = dragged;
    if (!row) return;
    dragged = null;
    row.classList.remove("dragged");
    if (!isWanted) list.insertBefore(row, nextBefore);
    else if (row.nextElementSibling !== nextBefore) onDrop(row);
  };
  list.addEventListener("pointerup", () => drop(true));
  list.addEventListener("pointercancel", () => drop(false));
  document.addEventListener("keydown", ({ key }) => key === "Escape" && drop(false));
  return { isDragging: () => dragged !== null };
}
