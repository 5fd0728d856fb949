"""`whisper-appliance users`: accounts, administered on the machine itself, also while the appliance runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from whisper_appliance.accounts.identity import ROLES, SHELL, Role
from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import load_settings

if TYPE_CHECKING:
    from whisper_appliance.accounts.access import AccessMode
    from whisper_appliance.accounts.accounts import Accounts
    from whisper_appliance.config.settings import Settings

STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
ROLE = click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)


@click.group()
def users() -> None:
    """List, create, change and remove accounts.

    \b
    A change applies to a running appliance at once. For a lost password: users password NAME.
    """


@users.command("list")
def list_users() -> None:
    """List the accounts."""
    with accounts() as opened:
        rows = [
            [
                user.name,
                user.role,
                "disabled" if user.disabled else "",
                user.last_seen or "never",
                user.created,
            ]
            for user in opened.users.list_users()
        ]
        openness = opened.access_mode.get()
    formatting.table(["NAME", "ROLE", "", "LAST SEEN", "CREATED"], rows)
    who = "anyone on its network" if openness == "network" else "only people with an account"
    click.echo(f"\nThe appliance is for {who}.")


@users.command()
@click.argument("name")
@ROLE
@STDIN
def add(name: str, role: Role, password_stdin: bool) -> None:
    """Create an account; prompts for its password."""
    with accounts() as opened:
        user = opened.users.create(name, _password(password_stdin), role, by=SHELL)
    click.echo(f"{user.name}: created, {user.role}")


@users.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role(name: str, role: Role) -> None:
    """Make NAME an owner, an admin or a member."""
    with accounts() as opened:
        user = opened.users.set_role(opened.users.by_name(name).id, role, by=SHELL)
    click.echo(f"{user.name}: {user.role}")


@users.command()
@click.argument("name")
@STDIN
def password(name: str, password_stdin: bool) -> None:
    """Set a new password for NAME, and sign the user out everywhere."""
    with accounts() as opened:
        user = opened.users.by_name(name)
        opened.users.set_password(user.id, _password(password_stdin), by=SHELL)
    click.echo(f"{user.name}: password changed" + (", the account is disabled" if user.disabled else ""))


@users.command("reset-second-factor")
@click.argument("name")
def reset_second_factor(name: str) -> None:
    """Turn off the second factor of NAME, who lost the phone and the recovery codes; remove the passkeys."""
    with accounts() as opened:
        user = opened.users.by_name(name)
        opened.reset_second_factor(user, by=SHELL)
    click.echo(f"{user.name}: the second factor is off")


@users.command()
@click.argument("name")
def disable(name: str) -> None:
    """Disable the account NAME: its sessions end and its keys stop working. Its data is kept."""
    with accounts() as opened:
        user = opened.users.disable(opened.users.by_name(name).id, by=SHELL)
    click.echo(f"{user.name}: disabled")


@users.command()
@click.argument("name")
def enable(name: str) -> None:
    """Enable the account NAME again."""
    with accounts() as opened:
        user = opened.users.enable(opened.users.by_name(name).id, by=SHELL)
    click.echo(f"{user.name}: enabled")


@users.command()
@click.argument("name")
@click.option(
    "--heir", metavar="NAME", help="Transfer the data of the account to this user instead of erasing it."
)
@click.option("--yes", is_flag=True, help="Do not prompt.")
def remove(name: str, heir: str | None, yes: bool) -> None:
    """Delete the account NAME with all its transcripts and recordings; --heir keeps them for another user."""
    with accounts() as opened:
        user = opened.users.by_name(name)
        heir_id = opened.users.by_name(heir).id if heir else None
        if not yes:
            what = f"transfer its data to {heir}" if heir else "erase its data"
            click.confirm(f"Delete the account {user.name} and {what}?", abort=True, err=True)
        opened.remove_user(user.id, heir=heir_id, by=SHELL)
    click.echo(f"{user.name}: removed")


@users.command()
@ROLE
@click.option("--note", default="", metavar="TEXT", help="A note about the invited person.")
@click.option("--days", default=7.0, show_default=True, help="Days until the link expires.")
def invite(role: Role, note: str, days: float) -> None:
    """Print a link with which one person can create an account."""
    settings = load_settings()
    with accounts(settings) as opened:
        invitation, token = opened.invitations.create(role, note=note, days=days, by=SHELL)
    click.echo(f"{_address(settings)}/join/{token}")
    click.echo(f"The link can be used once, until {invitation.expires}.", err=True)


@users.command()
@click.argument("who", type=click.Choice(["network", "accounts"]), required=False)
def openness(who: "AccessMode | None") -> None:
    """Show or set who may use the appliance: anyone on its network, or only people with an account."""
    with accounts() as opened:
        if who:
            opened.access_mode.set(who, by=SHELL)
        click.echo(opened.access_mode.get())


@contextmanager
def accounts(settings: "Settings | None" = None) -> "Iterator[Accounts]":
    """Opens the accounts of this machine's appliance."""
    from whisper_appliance.app.offline_accounts import opened_accounts

    with opened_accounts(settings or load_settings()) as opened:
        yield opened


def _password(stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return entered


def _address(settings: "Settings") -> str:
    """The URL of the appliance for others: its host name, unless it is bound to one address."""
    from whisper_appliance.host import addresses

    scheme = "https" if settings.https_enabled else "http"
    urls = addresses.urls(scheme, settings.host, settings.https_port)
    return urls[min(1, len(urls) - 1)]
