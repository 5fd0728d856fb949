import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { startPage } = await import("../ui/page-frame.js");
startPage(document.body);
