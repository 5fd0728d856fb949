import { mount } from "../../admin/certificate-page.js";

mount(document.body);
