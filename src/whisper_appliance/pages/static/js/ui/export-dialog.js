/** The dialog with all export formats and their options. The browser remembers what was chosen last. */
import { all, element, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";
import { closeOnBackdrop } from "./dialog.js";
import { onSubmit } from "./form.js";

const STORED = "export-options";
const DOCUMENTS = ["txt", "md", "html", "docx", "pdf"];
const SUBTITLES = ["srt", "vtt", "ass"];

const TRANSLATED = [...DOCUMENTS, ...SUBTITLES, "csv", "json"];

/** @returns {[string, [string, string][]][]} Groups of formats, each with its name and what it is. */
const formats = () => [
  [
    t("To read"),
    [
      ["txt", t("Text (.txt)")],
      ["docx", t("Word document (.docx)")],
      ["pdf", t("PDF (.pdf)")],
      ["html", t("Web page (.html)")],
      ["md", t("Markdown (.md)")],
    ],
  ],
  [
    t("Subtitles"),
    [
      ["srt", t("SubRip (.srt)")],
      ["vtt", t("WebVTT (.vtt)")],
      ["ass", t("SubStation Alpha (.ass)")],
    ],
  ],
  [
    t("To work on"),
    [
      ["csv", t("Table for spreadsheets (.csv)")],
      ["tsv", t("Table as Whisper writes it (.tsv)")],
      ["json", t("Everything (.json)")],
      ["edl", t("Cuts for a video editor (.edl)")],
    ],
  ],
];

/**
 * @typedef {{name: string, formats: string[], label: () => string, value: string, choices?: string[],
 *   most?: number, example?: string, off?: string, without?: string[]}} Option `value` is sent for a box with a tick, `off` (else `false`)
 *   for one without. `without`: formats in which it is off unless it was chosen.
 */

/** @type {Option[]} */
const OPTIONS = [
  {
    name: "times",
    formats: DOCUMENTS,
    label: () => t("With the time of each paragraph"),
    value: "true",
    without: ["txt"],
  },
  {
    name: "speakers",
    formats: [...DOCUMENTS, ...SUBTITLES, "csv", "tsv", "edl"],
    label: () => t("With the names of speakers"),
    value: "true",
  },
  {
    name: "chapters",
    formats: ["docx", "pdf", "md", "html", "json"],
    label: () => t("With chapters by hand"),
    value: "true",
  },
  {
    name: "notes",
    formats: ["docx", "md", "html", "json"],
    label: () => t("With notes"),
    value: "true",
  },
  {
    name: "translation",
    formats: TRANSLATED,
    label: () => t("With the translation beside it, where there is one"),
    value: "beside",
    off: "no",
    without: TRANSLATED,
  },
  {
    name: "paragraphs",
    formats: [...DOCUMENTS, "edl"],
    label: () => t("Join phrases to paragraphs"),
    value: "true",
  },
  {
    name: "max_line_chars",
    formats: SUBTITLES,
    label: () => t("Characters in a line"),
    value: "42",
    most: 200,
  },
  {
    name: "template",
    formats: DOCUMENTS,
    label: () => t("Own form of a paragraph (empty: as usual)"),
    value: "",
    example: "[{start}-{end}] {speaker}: {text}",
  },
  { name: "max_lines", formats: SUBTITLES, label: () => t("Lines in a caption"), value: "2", most: 10 },
  {
    name: "frame_rate",
    formats: ["edl"],
    label: () => t("Frames a second"),
    value: "25",
    choices: ["23.976", "24", "25", "29.97", "30", "50", "59.94", "60"],
  },
];

/** @param {(query: URLSearchParams) => Promise<void>} save What it throws is shown in the dialog. */
export function openExportDialog(save) {
  const dialog = element("dialog");
  dialog.id = "export-dialog";
  dialog.setAttribute("aria-labelledby", "export-title");
  const form = exportForm();
  const article = element("article");
  article.append(heading(dialog), form);
  dialog.append(article);
  document.body.append(dialog);
  closeOnBackdrop(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  onSubmit(form, async () => {
    const query = chosen(form);
    writeStored(STORED, String(query));
    await save(query);
    dialog.close();
  });
  dialog.showModal();
}

/** @param {HTMLDialogElement} dialog @returns {HTMLElement} */
function heading(dialog) {
  const header = element("header");
  const title = element("h2", t("Download"));
  title.id = "export-title";
  const close = element("button", undefined, "quiet square");
  close.type = "button";
  close.title = t("Close");
  close.append(icon("x"), element("span", t("Close"), "hidden"));
  close.addEventListener("click", () => dialog.close());
  header.append(title, close);
  return header;
}

/** @returns {HTMLFormElement} */
function exportForm() {
  const last = new URLSearchParams(readStored(STORED, "format=txt"));
  const form = element("form");
  const select = element("select");
  select.name = "format";
  for (const [group, listed] of formats()) {
    const options = element("optgroup");
    options.label = group;
    for (const [name, text] of listed) options.append(new Option(text, name));
    select.append(options);
  }
  select.value = last.get("format") ?? "txt";
  form.append(labelled(t("Format"), select), ...OPTIONS.map((option) => field(option, last)));
  const error = element("p", undefined, "field-error");
  error.setAttribute("role", "alert");
  const submit = element("button", undefined, "button primary");
  submit.append(icon("download"), element("span", t("Download")));
  form.append(error, submit);
  const refresh = () => showFitting(form, select.value);
  select.addEventListener("change", refresh);
  form.querySelector("textarea")?.addEventListener("input", refresh);
  refresh();
  return form;
}

/** @param {string} text @param {HTMLElement} control @returns {HTMLLabelElement} */
function labelled(text, control) {
  const label = element("label");
  label.append(`${text} `, control);
  return label;
}

/** @param {Option} option @param {URLSearchParams} last @returns {HTMLLabelElement} */
function field({ name, label, value, off = "false", choices, most, example }, last) {
  const given = last.get(name) ?? value;
  if (choices) {
    const select = element("select");
    select.append(...choices.map((choice) => new Option(choice, choice)));
    Object.assign(select, { name, value: given });
    return labelled(label(), select);
  }
  if (example) return templateField(labelled(label(), element("textarea")), { name, example, given });
  const input = element("input");
  input.name = name;
  if (most) {
    Object.assign(input, { type: "number", min: "1", max: String(most), value: given, required: true });
    return labelled(label(), input);
  }
  Object.assign(input, { type: "checkbox", checked: given === value });
  Object.assign(input.dataset, { on: value, off });
  input.dataset.chosen = last.has(name) ? "true" : "";
  input.addEventListener("change", () => {
    input.dataset.chosen = "true";
  });
  const row = element("label");
  row.append(input, ` ${label()}`);
  return row;
}

/**
 * @param {HTMLLabelElement} row @param {{name: string, example: string, given: string}} field
 * @returns {HTMLLabelElement} With the places that a template may have, and what becomes of it.
 */
function templateField(row, { name, example, given }) {
  const area = /** @type {HTMLTextAreaElement} */ (row.querySelector("textarea"));
  Object.assign(area, { name, placeholder: example, value: given, maxLength: 500, rows: 2, dir: "auto" });
  const places = "{start} {end} {start_full} {end_full} {speaker} {text} {translation}";
  const preview = element("output", undefined, "template-preview");
  preview.dir = "auto";
  const show = () => {
    preview.textContent = area.value.trim() ? sample(area.value) : "";
  };
  area.addEventListener("input", show);
  show();
  row.append(element("small", t("Places: {places}", { places })), preview);
  return row;
}

/** @param {string} template @returns {string} How a paragraph would look. */
function sample(template) {
  /** @type {Record<string, string>} */
  const values = {
    start: "0:02",
    end: "0:05",
    start_full: "00:00:02.000",
    end_full: "00:00:05.250",
    speaker: "Ada",
    text: t("Good morning."),
    translation: "…",
  };
  return template.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/** Shows the options of a format; the others are not sent. @param {HTMLFormElement} form @param {string} format */
function showFitting(form, format) {
  for (const { name, formats: fitting, without = [] } of OPTIONS) {
    const control = /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
    const fits = fitting.includes(format);
    control.disabled = !fits;
    /** @type {HTMLElement} */ (control.closest("label")).hidden = !fits;
    if (control.type === "checkbox" && !control.dataset.chosen) control.checked = !without.includes(format);
  }
  const template = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("template"));
  const times = /** @type {HTMLInputElement} */ (form.elements.namedItem("times"));
  times.disabled ||= !template.disabled && template.value.trim() !== ""; // because a template places the times
}

/** @param {HTMLFormElement} form @returns {URLSearchParams} What the form says, also of boxes without a tick. */
function chosen(form) {
  const query = new URLSearchParams({ download: "true" });
  const controls = /** @type {(HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[]} */ (
    all(form, "select:enabled, input:enabled, textarea:enabled")
  );
  for (const control of controls) {
    const isBox = control instanceof HTMLInputElement && control.type === "checkbox";
    const { on = "", off = "" } = control.dataset;
    query.set(control.name, !isBox ? control.value : control.checked ? on : off);
  }
  return query;
}
