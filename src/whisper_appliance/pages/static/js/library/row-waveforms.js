/** The small waveforms in rows of the library: those of a block of rows are fetched at once, after its words are there. */

import { request } from "../core/api.js";
import { slot } from "../core/dom.js";
import { miniWaveform } from "../player/mini-waveform.js";

const MOST_IN_A_REQUEST = 60;

/** @typedef {import("../ui/transcript-row.js").Summary} Summary */

export class RowWaveforms {
  /** @type {Map<string, string>} Heights by id, empty where there is no waveform. */
  #known = new Map();
  /** @type {Map<string, HTMLElement>} */
  #waiting = new Map();
  #isScheduled = false;

  /** Shows the waveform of a row, as soon as it is there. @param {HTMLElement} row @param {Summary} summary */
  add(row, { id, source, deleted }) {
    const place = slot(row, "waveform");
    if (source === "import" || deleted) {
      place.remove(); // it has no recording
      return;
    }
    const heights = this.#known.get(id);
    if (heights !== undefined) {
      show(place, heights);
      return;
    }
    this.#waiting.set(id, place);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => void this.#fetch());
  }

  async #fetch() {
    this.#isScheduled = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (let from = 0; from < waiting.length; from += MOST_IN_A_REQUEST) {
      const some = new Map(waiting.slice(from, from + MOST_IN_A_REQUEST));
      const query = new URLSearchParams([...some.keys()].map((id) => ["id", id]));
      try {
        const { waveforms } = await request("GET /api/transcripts/waveforms", { query });
        for (const [id, place] of some) {
          this.#known.set(id, waveforms[id] ?? "");
          show(place, waveforms[id] ?? "");
        }
      } catch {
        return; // a row is as good without it
      }
    }
  }
}

/** @param {HTMLElement} place @param {string} heights */
function show(place, heights) {
  if (heights) place.replaceChildren(miniWaveform(heights));
}
