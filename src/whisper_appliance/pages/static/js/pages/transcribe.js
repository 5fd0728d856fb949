import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../transcribe/transcribe-page.js");
mount(document.body);
