/** A page with nothing of its own to do. */
import { startPage } from "./page.js";

startPage();
