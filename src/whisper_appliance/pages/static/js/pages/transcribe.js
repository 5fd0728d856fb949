import { mount } from "../transcribe/transcribe-page.js";

mount(document.body);
