/** The scripts of the pages, and what each imports. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(HERE, "../../src/whisper_appliance/pages/static/js");
const SPECIFIER = /(?:from\s+|import\s+|import\()"(\.[^"]+\.js)"/g;
const TYPE_COMMENT = /\/\*\*[\s\S]*?\*\//g;

/** @returns {string[]} Paths below js/, such as "core/api.js". */
export function modules() {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".js")).sort();
}

/** @param {string} module @returns {boolean} Whether it is the entry of a page. */
export function isPage(module) {
  return /^export function mount\(/m.test(readFileSync(join(ROOT, module), "utf8"));
}

/** @param {string} module @returns {string[]} What it imports when it runs; types in comments do not count. */
export function importsOf(module) {
  const code = readFileSync(join(ROOT, module), "utf8").replace(TYPE_COMMENT, "");
  return [...code.matchAll(SPECIFIER)].map(([, specifier = ""]) =>
    relative(ROOT, resolve(ROOT, dirname(module), specifier)),
  );
}
