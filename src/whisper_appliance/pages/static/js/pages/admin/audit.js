import { mount } from "../../admin/audit-page.js";

mount(document.body);
