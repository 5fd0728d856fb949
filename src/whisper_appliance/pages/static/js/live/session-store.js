/** The ticket of a live session, kept by the browser so that a reloaded page can resume the session. */
import { readStored, writeStored } from "../core/storage.js";

const STORAGE_KEY = "live-session";

/** @typedef {{session: string, token: string, maxSeconds?: number, paused?: boolean}} Ticket */

/** @returns {Ticket | null} */
export const readTicket = () => readStored(STORAGE_KEY, /** @type {Ticket | null} */ (null));

/** @param {Ticket | null} ticket Null: the session has ended. */
export const writeTicket = (ticket) => writeStored(STORAGE_KEY, ticket);
