import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../transcript/transcript-page.js");
mount(document.body);
