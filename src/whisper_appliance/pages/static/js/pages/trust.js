import { mount } from "../trust/trust-page.js";

mount(document.body);
