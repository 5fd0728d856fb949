"""whisper-appliance settings: what counts and who says so; a way back when the panel cannot be reached."""

from typing import TYPE_CHECKING

import click

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import begin

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def settings(context: click.Context) -> None:
    """Show every setting, its value and who says so; reset what was changed in the admin panel."""
    if context.invoked_subcommand is None:
        print_settings(begin())


@settings.command()
@click.argument("names", nargs=-1, required=True)
def reset(names: tuple[str, ...]) -> None:
    """Forget what the admin panel says of settings. A running appliance takes notice at its next start."""
    from whisper_appliance.config.overrides import opened_adjustments
    from whisper_appliance.core.errors import NotFound

    begin()
    with opened_adjustments(_given()) as adjustments:
        for name in names:
            if name.lower() not in adjustments.stored:
                raise NotFound(f"{name.upper()} was not changed in the panel.")
            adjustments.forget(name)
            click.echo(f"{name.upper()}: reset")


def print_settings(loaded: "Settings") -> None:
    """The table of settings; where the database cannot be read, without the panel's."""
    from whisper_appliance.config.overrides import opened_adjustments
    from whisper_appliance.config.setting_rows import rows
    from whisper_appliance.config.settings import table
    from whisper_appliance.core.errors import ApplianceError

    try:
        with opened_adjustments(_given()) as adjustments:
            lines = [[row.name, row.value, row.source] for row in rows(adjustments)]
    except ApplianceError:
        lines = [[row["name"], row["value"], row["source"]] for row in table(loaded)]
    formatting.table(["SETTING", "VALUE", "FROM"], lines)


def _given() -> "Settings":
    from whisper_appliance.config import settings

    return settings.load()
