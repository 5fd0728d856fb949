"""`whisper-appliance doctor`: checks of this machine, a verdict, and all settings."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from whisper_appliance.cli.bootstrap import load_settings
from whisper_appliance.core.errors import BadSetting

if TYPE_CHECKING:
    from whisper_appliance.monitoring.host_checks import CheckResult

COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@click.command()
@click.option("--engine/--no-engine", default=True, help="Also load the model, which takes a few seconds.")
@click.option("--json", "as_json", is_flag=True, help="The checks and the verdict as JSON, without settings.")
def doctor(engine: bool, as_json: bool) -> int:
    """Check this machine and show all settings. Exit code 1 if a check fails."""
    from whisper_appliance.cli.settings import print_settings
    from whisper_appliance.monitoring.doctor import run_checks

    try:
        loaded = load_settings()
    except BadSetting as error:
        if not as_json:
            raise
        from whisper_appliance.monitoring.host_checks import CheckResult

        return _show_as_json([CheckResult("settings", "broken", error.message)])
    results = []
    for result in run_checks(loaded, engine=engine):
        results.append(result)
        if not as_json:
            _show(result)
    if as_json:
        return _show_as_json(results)
    broken = [result.check for result in results if result.verdict == "broken"]
    click.echo(f"\nVerdict: {', '.join(broken)} must be mended." if broken else "\nVerdict: it can work.")
    click.echo()
    print_settings(loaded)
    return 1 if broken else 0


def _show_as_json(results: "list[CheckResult]") -> int:
    is_broken = any(result.verdict == "broken" for result in results)
    verdict = "broken" if is_broken else "ok"
    click.echo(json.dumps({"verdict": verdict, "checks": [asdict(result) for result in results]}, indent=2))
    return 1 if is_broken else 0


def _show(result: "CheckResult") -> None:
    mark = click.style(f"{result.verdict:7}", fg=COLOURS[result.verdict])
    click.echo(f"{mark} {result.check + ':':13}{result.text}")
    if result.advice:
        click.echo(f"{'':21}To do: {result.advice}")
