import { loadCatalogue } from "../../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../../admin/jobs-page.js");
mount(document.body);
