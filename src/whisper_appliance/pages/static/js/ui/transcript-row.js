/** A transcript as a row of a list, with what can be done to it. */
import { api } from "../core/api.js";
import { action, element, fillDownloads, fromTemplate, showFacts, slot } from "../core/dom.js";
import { clock, day, languageName, timeOfDay } from "../core/format.js";
import { startRename } from "./title-editor.js";
import { toast } from "./toast.js";

/** @param {HTMLElement} row @param {import("../core/api.js").Summary} summary */
function name(row, summary) {
  const link = /** @type {HTMLAnchorElement} */ (slot(row, "title"));
  link.textContent = summary.title;
  link.href = `/transcripts/${summary.id}`;
  const actions = slot(row, "actions");
  slot(actions, "rename-label").textContent = `Rename ${summary.title}`;
  slot(actions, "delete-label").textContent = `Delete ${summary.title}`;
  actions.querySelector(".menu summary")?.setAttribute("aria-label", `Download ${summary.title}`);
  fillDownloads(slot(actions, "downloads"), `/api/transcripts/${summary.id}`, summary.title);
}

/** How it begins, or where the words that were looked for stand. @param {HTMLElement} line @param {import("../core/api.js").Summary} summary */
function showExcerpt(line, { excerpt, found, title }) {
  const elsewhere = found && found.length > 1 && found.join("") !== title;
  if (elsewhere) line.replaceChildren(...found.map((piece, at) => (at % 2 ? element("mark", piece) : piece)));
  else line.textContent = excerpt;
}

/** The row next to one that goes away, or the list itself. @param {HTMLElement} row @returns {HTMLElement | null} */
function neighbour(row) {
  const near = [row.nextElementSibling, row.previousElementSibling].find((each) => each?.matches(".row"));
  return near?.querySelector("a") ?? null;
}

/**
 * @param {import("../core/api.js").Summary} summary
 * @param {{withDay?: boolean, plain?: boolean, onGone?: () => void, onBack?: () => void}} [parts] What to do when a row leaves or returns.
 * @returns {HTMLElement}
 */
export function makeRow(
  summary,
  { withDay = true, plain = false, onGone = () => {}, onBack = () => {} } = {},
) {
  const row = fromTemplate("row-template");
  name(row, summary);
  row.dataset.id = summary.id;
  showExcerpt(slot(row, "excerpt"), summary);
  const when = withDay
    ? `${day(summary.created)}, ${timeOfDay(summary.created)}`
    : timeOfDay(summary.created);
  showFacts(slot(row, "facts"), [
    when,
    clock(summary.duration),
    languageName(summary.language),
    summary.shared_by === undefined ? summary.model : `from ${summary.shared_by ?? "somebody"}`,
  ]);
  if (plain) {
    slot(row, "actions").remove();
    return row;
  }
  const inTrash = Boolean(summary.deleted);
  const received = summary.shared_by !== undefined;
  action(row, "rename").hidden = inTrash || received;
  action(row, "delete").hidden = inTrash;
  if (received) {
    slot(row, "delete-label").textContent = `Take ${summary.title} off this list`;
    action(row, "delete").title = "Take off this list";
  }
  slot(row, "downloads").hidden = inTrash;
  action(row, "restore").hidden = !inTrash;

  const leave = () => {
    const next = row.contains(document.activeElement) ? neighbour(row) : null;
    row.remove();
    next?.focus();
    onGone();
  };
  const restore = async () => {
    try {
      await api.restore(summary.id);
      onBack();
      return true;
    } catch (error) {
      toast(`Not restored: ${/** @type {Error} */ (error).message}`);
      return false;
    }
  };
  action(row, "rename").addEventListener("click", () =>
    startRename(/** @type {HTMLElement} */ (row.querySelector(".row-title")), {
      id: summary.id,
      title: summary.title,
      onRenamed: (title) => name(row, Object.assign(summary, { title })),
      onEnd: () => action(row, "rename").focus(),
    }),
  );
  action(row, "delete").addEventListener("click", async () => {
    try {
      await (received ? api.giveUp(summary.id) : api.remove(summary.id));
      leave();
      if (received) return toast(`“${short(summary.title)}” is off your list.`);
      toast(`Deleted “${short(summary.title)}”.`, { label: "Undo", run: restore });
    } catch (error) {
      toast(`Not deleted: ${/** @type {Error} */ (error).message}`);
    }
  });
  action(row, "restore").addEventListener("click", async () => {
    if (!(await restore())) return;
    leave();
    toast(`Restored “${short(summary.title)}”.`);
  });
  return row;
}

/** @param {string} title */
function short(title) {
  return title.length > 40 ? `${title.slice(0, 39)}…` : title;
}
