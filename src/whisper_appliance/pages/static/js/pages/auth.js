import { mount } from "../account/auth-page.js";

mount(document.body);
