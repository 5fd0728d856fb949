import { mount } from "../../admin/jobs-page.js";

mount(document.body);
