import { startPage } from "../ui/page-frame.js";

startPage(document.body);
