"""whisper-appliance certificate: what browsers are shown, and the authority that phones trust."""

from typing import TYPE_CHECKING, BinaryIO

import click

from whisper_appliance.cli.bootstrap import begin

if TYPE_CHECKING:
    from whisper_appliance.host.certificates import CertificateInfo


@click.command()
@click.option(
    "--renew", is_flag=True, help="Make a new server certificate now; devices that trust the authority go on."
)
@click.option(
    "--ca-out",
    type=click.File("wb", lazy=True),
    metavar="FILE",
    help="Write the authority's certificate for phones and computers to trust; - writes it to the terminal.",
)
def certificate(renew: bool, ca_out: BinaryIO | None) -> None:
    """Show the certificate, renew it, or take its authority along."""
    from whisper_appliance.core.errors import NotAllowed
    from whisper_appliance.host.certificates import Certificates

    settings = begin()
    certificates = Certificates.from_settings(lambda: settings)
    if renew and not certificates.renew_if_due(force=True):
        raise NotAllowed(
            "The certificate is your own (SSL_CERT_PATH): replace its files; no restart is needed."
        )
    if ca_out:
        pem = certificates.ca_pem()
        if pem is None:
            raise NotAllowed(
                "The certificate is your own (SSL_CERT_PATH): its authority is not the appliance's."
            )
        ca_out.write(pem)
        return
    _show(certificates.info())


def _show(info: "CertificateInfo") -> None:
    lines = {
        "Certificate": "your own" if info.kind == "own" else "made by this appliance",
        "Names": ", ".join(info.names),
        "Ends": f"{info.not_after:%Y-%m-%d}",
        "SHA-256": info.fingerprint,
        "Authority": info.authority_fingerprint or "not the appliance's",
    }
    for name, value in lines.items():
        click.echo(f"{name + ':':13}{value}")
    for warning in info.warnings:
        click.echo(f"Warning: {warning}", err=True)
