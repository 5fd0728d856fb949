"""`whisper-appliance certificate`: the server certificate, and the local CA that devices trust."""

from typing import TYPE_CHECKING, BinaryIO

import click

from whisper_appliance.cli.bootstrap import load_settings

if TYPE_CHECKING:
    from whisper_appliance.host.certificates import CertificateInfo


@click.command()
@click.option(
    "--renew", is_flag=True, help="Issue a new server certificate now; devices trust it if they trust the CA."
)
@click.option(
    "--ca-out",
    type=click.File("wb", lazy=True),
    metavar="FILE",
    help="Write the certificate of the local CA, which devices must trust, to FILE (- for the terminal).",
)
def certificate(renew: bool, ca_out: BinaryIO | None) -> None:
    """Show the certificate, renew it, or export its CA."""
    from whisper_appliance.core.errors import NotAllowed
    from whisper_appliance.host.certificates import Certificates

    settings = load_settings()
    certificates = Certificates.from_settings(lambda: settings)
    if renew and not certificates.renew_if_due(force=True):
        raise NotAllowed(
            "The certificate is your own (SSL_CERT_PATH). Replace its files; no restart is needed."
        )
    if ca_out:
        pem = certificates.ca_pem()
        if pem is None:
            raise NotAllowed("The certificate is your own (SSL_CERT_PATH). The local CA did not issue it.")
        ca_out.write(pem)
        return
    _show(certificates.info())


def _show(info: "CertificateInfo") -> None:
    lines = {
        "Certificate": "your own" if info.kind == "own" else "issued by this appliance",
        "Names": ", ".join(info.names),
        "Expires": f"{info.not_after:%Y-%m-%d}",
        "SHA-256": info.fingerprint,
        "Local CA": info.authority_fingerprint or "not used",
    }
    for name, value in lines.items():
        click.echo(f"{name + ':':13}{value}")
    for warning in info.warnings:
        click.echo(f"Warning: {warning}", err=True)
