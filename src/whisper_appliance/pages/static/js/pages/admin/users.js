import { mount } from "../../admin/users-page.js";

mount(document.body);
