"""TLS of a client: the trust of the system, a CA file, or the appliance's own CA by its fingerprint."""

import hashlib
import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from whisper_appliance.core.errors import InvalidRequest, Unavailable

CA_PATH = "/ca.crt"
MAX_CA_BYTES = 64 * 1024
CONNECT_SECONDS = 10.0


class Untrusted(Unavailable):
    """The certificate of the appliance is not trusted; to try again does not help."""

    code = "untrusted"


def tls_context(
    url: str, *, ca_file: Path | str | None = None, ca_fingerprint: str | None = None, insecure: bool = False
) -> ssl.SSLContext | None:
    """The TLS settings of a connection to `url`; None for plain HTTP.

    `ca_fingerprint` is the SHA-256 of the appliance's own CA, as `whisper-appliance certificate` and the page
    /trust show it: the CA is downloaded, compared, and trusted for this connection only. `ca_file` is a
    certificate in PEM. Without either, the system's authorities are trusted; `insecure` checks nothing.
    Raises `Unavailable`, `Untrusted`, and `InvalidRequest` for options that exclude each other.
    """
    if sum((ca_file is not None, ca_fingerprint is not None, insecure)) > 1:
        raise InvalidRequest("Use one of: a CA file, a fingerprint of the CA, or no verification.")
    if urlsplit(url).scheme != "https":
        return None
    if ca_fingerprint is not None:
        return ssl.create_default_context(cadata=_pinned_ca(url, ca_fingerprint))
    context = ssl.create_default_context(cafile=ca_file)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _pinned_ca(url: str, fingerprint: str) -> str:
    """The appliance's CA in PEM, if it has this fingerprint. No other byte of the connection is used."""
    wanted = fingerprint.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(wanted) != 64 or not set(wanted) <= set("0123456789abcdef"):
        raise InvalidRequest("The fingerprint must be a SHA-256: 64 hexadecimal digits.")
    pem = _download(url)
    try:
        der = ssl.PEM_cert_to_DER_cert(pem)
    except ValueError:
        raise Unavailable("{url} sends no certificate of a CA.", url=url) from None
    if hashlib.sha256(der).hexdigest() != wanted:
        raise Untrusted(
            "The CA of {url} has another fingerprint than the given one. Compare it with the one that "
            "`whisper-appliance certificate` shows on the appliance.",
            url=url,
        )
    return pem


def _download(url: str) -> str:
    parts = urlsplit(url)
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the fingerprint is checked instead
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port or 443, context=anything, timeout=CONNECT_SECONDS
    )
    try:
        connection.request("GET", CA_PATH)
        response = connection.getresponse()
        content = response.read(MAX_CA_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable("{url} cannot be reached: {problem}.", url=url, problem=str(error)) from None
    finally:
        connection.close()
    if response.status != 200:
        raise Unavailable("{url} has no CA of its own. Leave the fingerprint out.", url=url)
    return content.decode("ascii", "replace").strip()
