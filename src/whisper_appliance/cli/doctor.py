"""whisper-appliance doctor: is everything there that it takes, and what are the settings?"""

import click

from whisper_appliance.cli.bootstrap import begin

COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@click.command()
@click.option("--engine/--no-engine", default=True, help="Also load the model, which takes some seconds.")
def doctor(engine: bool) -> int:
    """Check this machine and show every setting. Exit code 1 when something is broken."""
    from whisper_appliance.cli.settings import print_settings
    from whisper_appliance.monitoring.doctor import run_checks

    loaded = begin()
    broken = 0
    for finding in run_checks(loaded, engine=engine):
        broken += finding.verdict == "broken"
        mark = click.style(f"{finding.verdict:7}", fg=COLOURS[finding.verdict])
        click.echo(f"{mark} {finding.check + ':':13}{finding.text}")
    click.echo()
    print_settings(loaded)
    return 1 if broken else 0
