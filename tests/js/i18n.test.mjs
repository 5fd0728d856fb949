import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setCatalogue, t, tn } from "../../src/whisper_appliance/pages/static/js/core/i18n.js";

afterEach(() => setCatalogue({}));

test("English needs no catalogue", () => {
  assert.equal(t("Delete {name}?", { name: "tiny" }), "Delete tiny?");
});

test("a text of the catalogue takes the place of the English one", () => {
  setCatalogue({ "Delete {name}?": "{name} löschen?" });
  assert.equal(t("Delete {name}?", { name: "tiny" }), "tiny löschen?");
  assert.equal(t("Not in it"), "Not in it");
});

test("a placeholder without a value stays, and a value is not filled in twice", () => {
  assert.equal(t("{a} {b}", { a: "{b}" }), "{b} {b}");
});

test("counts have the form of their number, with separators", () => {
  assert.equal(tn("{count} job", "{count} jobs", 1), "1 job");
  assert.equal(tn("{count} job", "{count} jobs", 1200), "1,200 jobs");
  assert.equal(tn("{count} job", "{count} jobs", 0), "0 jobs");
});

test("plural forms come from the catalogue", () => {
  setCatalogue({ "{count} job": ["{count} Auftrag", "{count} Aufträge"] });
  assert.equal(tn("{count} job", "{count} jobs", 1), "1 Auftrag");
  assert.equal(tn("{count} job", "{count} jobs", 3), "3 Aufträge");
});
