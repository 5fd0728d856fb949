"""Accounts for the command line: the same database, with or without a running appliance."""

from collections.abc import Iterator
from contextlib import contextmanager

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.audit import Audit
from whisper_appliance.app.ownership import AllOwnedData
from whisper_appliance.config.settings import Settings
from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Opens the database of these settings; creates it if it is missing."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    database = Database.in_folder(settings.data_dir, url)
    try:
        migrations.upgrade(database)
        yield database
    finally:
        database.close()


@contextmanager
def opened_accounts(settings: Settings) -> Iterator[Accounts]:
    """Opens the accounts in the database of these settings; creates the database if it is missing."""
    with opened_database(settings) as database:
        everything = AllOwnedData(TranscriptOwnership(database, settings.storage_folder))
        yield Accounts(database, settings, owned_data=everything, write_audit=Audit(database).record)
