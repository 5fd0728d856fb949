import { mount } from "../../admin/shares-page.js";

mount(document.body);
