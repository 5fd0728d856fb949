/** How the appliance is. */
import { startPanel } from "./panel.js";

startPanel();
