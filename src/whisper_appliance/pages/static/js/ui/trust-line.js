/** The line that says whether this device trusts the certificate. */

import { certificateTrust } from "../core/certificate-trust.js";
import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";

/** Fills `#trust-state`. */
export async function showTrust() {
  const trust = await certificateTrust();
  const sentences = {
    yes: t("This device trusts the certificate."),
    no: t("This device does not trust the certificate yet."),
    unknown: t("If the browser showed a warning, this device does not trust the certificate yet."),
  };
  byId("trust-state").dataset.trust = trust;
  byId("trust-state").textContent = sentences[trust];
}
