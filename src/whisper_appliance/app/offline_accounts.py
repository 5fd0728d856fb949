"""Accounts for the command line: the same rooms and database, beside a running appliance or without."""

from collections.abc import Iterator
from contextlib import contextmanager

from whisper_appliance.accounts.accounts import Accounts
from whisper_appliance.accounts.audit import Audit
from whisper_appliance.app.ownership import Everything
from whisper_appliance.config.settings import Settings
from whisper_appliance.library.ownership import Owners
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database


@contextmanager
def opened_accounts(settings: Settings) -> Iterator[Accounts]:
    """The accounts in the database of these settings, which is made where there is none yet."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    database = Database.in_folder(settings.data_dir, url)
    try:
        database.upgrade(migrations.FOLDER)
        everything = Everything(Owners(database, settings.storage_folder))
        yield Accounts(database, settings, belongings=everything, record=Audit(database).record)
    finally:
        database.close()
