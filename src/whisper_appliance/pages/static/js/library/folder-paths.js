/** Folders by their path, such as "Work / Calls". */

import { request } from "../core/api.js";

const DIVIDER = " / ";

/** @typedef {import("../core/api.js").Responses["GET /api/library"]["folders"][number]} Folder */

/** @param {Folder[]} folders @returns {Map<string, string>} Ids by path, in order. */
export function foldersByPath(folders) {
  const byId = new Map(folders.map((folder) => [folder.id, folder]));
  /** @param {Folder} folder @returns {string} */
  const pathOf = (folder) => {
    const parent = folder.parent ? byId.get(folder.parent) : undefined;
    return parent ? `${pathOf(parent)}${DIVIDER}${folder.name}` : folder.name;
  };
  const paths = folders.map((folder) => /** @type {[string, string]} */ ([pathOf(folder), folder.id]));
  return new Map(paths.sort(([a], [b]) => a.localeCompare(b)));
}

/** @param {Folder[]} folders @param {string} name @param {string | null} parent @returns {Promise<string>} The id of a folder, made if it is missing. */
async function folderIn(folders, name, parent) {
  const key = name.toLowerCase();
  const found = folders.find((each) => (each.parent ?? null) === parent && each.name.toLowerCase() === key);
  if (found) return found.id;
  const { id } = await request("POST /api/library/folders", { body: { name, parent } });
  return id;
}

/**
 * The id of the folder with a path; makes what is missing of it.
 * @param {string} path @param {Folder[]} folders @returns {Promise<string | null>} Null for an empty path.
 */
export async function folderAt(path, folders) {
  /** @type {string | null} */
  let id = null;
  for (const name of path.split("/").map((part) => part.trim())) {
    if (name) id = await folderIn(folders, name, id);
  }
  return id;
}
