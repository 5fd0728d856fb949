"""`whisper-appliance settings`: all settings with their source, and reset of the admin panel's overrides."""

from typing import TYPE_CHECKING

import click

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import load_settings

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def settings(context: click.Context) -> None:
    """Show all settings with value and source; reset those changed in the admin panel."""
    if context.invoked_subcommand is None:
        print_settings(load_settings())


@settings.command()
@click.argument("names", nargs=-1, required=True)
def reset(names: tuple[str, ...]) -> None:
    """Reset settings changed in the admin panel. A running appliance uses them after its next start."""
    from whisper_appliance.config.overrides import open_overrides
    from whisper_appliance.core.errors import NotFound

    load_settings()
    with open_overrides(_given()) as adjustments:
        for name in names:
            if name.lower() not in adjustments.stored:
                raise NotFound("{name} was not changed in the admin panel.", name=name.upper())
            adjustments.remove(name)
            click.echo(f"{name.upper()}: reset")


def print_settings(loaded: "Settings") -> None:
    """Prints the table of settings; without overrides if the database cannot be read."""
    from whisper_appliance.config.overrides import open_overrides
    from whisper_appliance.config.setting_rows import setting_rows
    from whisper_appliance.config.settings import settings_table
    from whisper_appliance.core.errors import ApplianceError

    try:
        with open_overrides(_given()) as adjustments:
            lines = [[row.name, row.value, row.source] for row in setting_rows(adjustments)]
    except ApplianceError:
        lines = [[row["name"], row["value"], row["source"]] for row in settings_table(loaded)]
    formatting.table(["SETTING", "VALUE", "FROM"], lines)


def _given() -> "Settings":
    from whisper_appliance.config import settings

    return settings.load()
