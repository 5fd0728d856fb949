import { mount } from "../transcript/transcript-page.js";

mount(document.body);
