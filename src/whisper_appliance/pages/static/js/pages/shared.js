import { mount } from "../transcript/shared-page.js";

mount(document.body);
