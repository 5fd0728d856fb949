/** Addresses of the appliance where it is a part of another site (URL_PREFIX). */

/** @param {string} path From the appliance's root, e.g. "/history". @returns {string} Below the prefix, if there is one. */
export function fromRoot(path) {
  return (globalThis.document?.documentElement?.dataset.root ?? "") + path;
}
