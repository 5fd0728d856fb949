/** Addresses in scripts must work where the appliance is a part of another site (URL_PREFIX). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { modules, ROOT } from "./modules.mjs";

/** An address from the root that is set, opened or fetched as it stands. */
const BARE =
  /(\b(href|src|action|endpoint|location)\s*[=:]\s*|\b(assign|replace|fetch|open|EventSource)\()["'`]\//;

afterEach(() => {
  globalThis.document = /** @type {any} */ (undefined);
});

test("every address from the root goes through fromRoot", () => {
  for (const module of modules()) {
    const line = readFileSync(join(ROOT, module), "utf-8")
      .split("\n")
      .find((each) => BARE.test(each));
    assert.equal(line, undefined, module);
  }
});

test("an address is below the prefix of the page", async () => {
  const { fromRoot } = await import("../../src/whisper_appliance/pages/static/js/core/addresses.js");
  assert.equal(fromRoot("/history"), "/history");
  globalThis.document = /** @type {any} */ ({ documentElement: { dataset: { root: "/stt" } } });
  assert.equal(fromRoot("/history"), "/stt/history");
});
