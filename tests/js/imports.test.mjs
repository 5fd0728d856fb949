/** The rules of imports: which folder may import which, no cycles, and nothing happens on import. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { importsOf, isPage, modules, ROOT } from "./modules.mjs";

/** What the modules of a folder may import, besides modules of the same folder. */
const ALLOWED = /** @type {Record<string, string[]>} */ ({
  core: ["vendor"],
  ui: ["core"],
  live: ["core", "ui"],
  transcribe: ["core", "ui", "live", "vendor"], // the live view is a part of the transcribe page
  queue: ["core", "ui"],
  player: ["core", "ui"],
  transcript: ["core", "ui", "player"],
  library: ["core", "ui", "player"],
  account: ["core", "ui"],
  connect: ["core", "ui"],
  trust: ["core", "ui"],
  admin: ["core", "ui", "vendor"],
});
/** Scripts that are started by a browser, not imported: the pages, a worklet, and the theme before the first paint. */
const STARTED =
  /^pages\/|^live\/pcm-worklet\.js$|^core\/certificate-probe-worker\.js$|^transcribe\/share-worker\.js$|^ui\/theme-init\.js$/;
const folderOf = (/** @type {string} */ path) => path.replace(/^\.\.\//, "").split("/")[0] ?? "";

test("a folder imports only the folders below it", () => {
  for (const module of modules()) {
    const folder = folderOf(module);
    if (folder === "pages") continue; // a starter imports the page that it starts
    const allowed = [folder, ...(ALLOWED[folder] ?? [])];
    for (const imported of importsOf(module)) {
      assert.ok(allowed.includes(folderOf(imported)), `${module} imports ${imported}`);
    }
  }
});

test("only a starter imports a page, and it imports nothing else", () => {
  for (const module of modules()) {
    const imports = importsOf(module);
    if (folderOf(module) === "pages") assert.equal(imports.length, 1, module);
    else
      assert.deepEqual(
        imports.filter((imported) => !imported.startsWith("..") && isPage(imported)),
        [],
        module,
      );
  }
});

test("there are no import cycles", () => {
  const graph = new Map(modules().map((module) => [module, importsOf(module)]));
  const finished = new Set();
  const visit = (/** @type {string} */ module, /** @type {string[]} */ path) => {
    assert.ok(!path.includes(module), `a cycle: ${[...path, module].join(" -> ")}`);
    if (finished.has(module)) return;
    for (const imported of graph.get(module) ?? []) visit(imported, [...path, module]);
    finished.add(module);
  };
  for (const module of graph.keys()) visit(module, []);
});

test("no module does anything when it is imported", async () => {
  assert.equal("document" in globalThis, false, "without a page, a module that uses it fails");
  for (const module of modules().filter((each) => !STARTED.test(each))) {
    await assert.doesNotReject(import(join(ROOT, module)), module);
  }
});
