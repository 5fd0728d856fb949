import { mount } from "../../admin/updates-page.js";

mount(document.body);
