/** A page with nothing of its own to do. */
import { startPage } from "../ui/page-frame.js";

startPage();
