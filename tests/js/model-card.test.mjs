/** Which list shows a model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf } from "../../src/whisper_appliance/pages/static/js/admin/model-card.js";

/** @param {Partial<import("../../src/whisper_appliance/pages/static/js/admin/model-card.js").Model>} facts */
const listWith = (facts) =>
  listOf(
    /** @type {import("../../src/whisper_appliance/pages/static/js/admin/model-card.js").Model} */ ({
      source: null,
      loaded: false,
      default: false,
      common: false,
      recommended: false,
      download: null,
      errand: null,
      ...facts,
    }),
  );

test("a model that few want is shown among more models until something is done with it", () => {
  assert.equal(listWith({}), "more");
  assert.equal(listWith({ recommended: true }), "away");
  assert.equal(listWith({ common: true }), "away");
  const download =
    /** @type {import("../../src/whisper_appliance/pages/static/js/admin/model-card.js").Download} */ ({});
  assert.equal(listWith({ download }), "away");
  assert.equal(listWith({ source: "folder" }), "here");
  assert.equal(listWith({ default: true }), "here");
});
