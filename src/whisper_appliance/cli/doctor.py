"""`whisper-appliance doctor`: checks of this machine, and all settings."""

import click

from whisper_appliance.cli.bootstrap import load_settings

COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@click.command()
@click.option("--engine/--no-engine", default=True, help="Also load the model, which takes a few seconds.")
def doctor(engine: bool) -> int:
    """Check this machine and show all settings. Exit code 1 if a check fails."""
    from whisper_appliance.cli.settings import print_settings
    from whisper_appliance.monitoring.doctor import run_checks

    loaded = load_settings()
    broken = 0
    for result in run_checks(loaded, engine=engine):
        broken += result.verdict == "broken"
        mark = click.style(f"{result.verdict:7}", fg=COLOURS[result.verdict])
        click.echo(f"{mark} {result.check + ':':13}{result.text}")
    click.echo()
    print_settings(loaded)
    return 1 if broken else 0
