"""`whisper-appliance keys`: API keys, administered on the machine itself."""

import click

from whisper_appliance.accounts.identity import SCOPES, SHELL, Scope
from whisper_appliance.cli import formatting
from whisper_appliance.cli.users import accounts
from whisper_appliance.core.errors import NotFound


@click.group()
def keys() -> None:
    """List, create and revoke the API keys of users.

    \b
    Programs send one as `Authorization: Bearer wa_...`.
    """


@keys.command("list")
@click.argument("user", required=False)
def list_keys(user: str | None) -> None:
    """List the API keys of USER, or of all users. Their secrets are not stored."""
    with accounts() as opened:
        names = {each.id: each.name for each in opened.users.list_users()}
        found = opened.keys.list_keys(opened.users.by_name(user).id if user else None)
    rows = [
        [
            key.id,
            names.get(key.user_id, "?"),
            key.name,
            f"{key.hint}…",
            ",".join(sorted(key.scopes)),
            key.expires or "never",
            key.last_used or "never",
        ]
        for key in found
    ]
    formatting.table(["ID", "USER", "NAME", "PREFIX", "SCOPES", "EXPIRES", "LAST USED"], rows)


@keys.command()
@click.argument("user")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("transcribe", "read"),
    show_default=True,
    help="A permission of the key; may be repeated.",
)
@click.option("--days", type=float, help="Days until it expires. [default: never]")
def add(user: str, name: str, scopes: tuple[Scope, ...], days: float | None) -> None:
    """Create an API key for USER, called NAME, and print its secret once."""
    with accounts() as opened:
        key, secret = opened.keys.create(opened.users.by_name(user), name, scopes, days=days, by=SHELL)
    click.echo(secret)
    click.echo(f"{key.name}: store this secret now; it cannot be shown again.", err=True)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke KEY: an id of the list, or its first characters."""
    with accounts() as opened:
        found = [
            each for each in opened.keys.list_keys() if key in (each.id, each.hint) or each.id.startswith(key)
        ]
        if len(found) != 1:
            raise NotFound(
                "{found} keys begin with {key!r}. Use an id from `keys list`.", found=len(found), key=key
            )
        opened.keys.revoke(found[0].id, by=SHELL)
    click.echo(f"{found[0].name}: revoked")
