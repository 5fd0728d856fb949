import { mount } from "../../admin/settings-page.js";

mount(document.body);
