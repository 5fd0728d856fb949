/** Socket.IO connections: the one place with their options. */

import { io } from "../../vendor/socket.io.esm.min.js";
import { fromRoot } from "./addresses.js";

/** @typedef {import("socket.io-client").Socket} Socket */

/** @param {{auth?: Record<string, string>, forceNew?: boolean}} [options] @returns {Socket} Connects at once. */
export function connectSocket(options = {}) {
  return io({
    path: fromRoot("/socket.io"),
    transports: ["websocket", "polling"],
    tryAllTransports: true, // a proxy may let no WebSocket pass
    reconnectionDelay: 400,
    reconnectionDelayMax: 3000,
    ...options,
  });
}
