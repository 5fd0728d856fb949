"""The appliance: every part, built from the settings and handed out. Knows every room, and no Flask."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from whisper_appliance import __version__
from whisper_appliance.appliance.secret import load_secret
from whisper_appliance.appliance.state import Health, Reason
from whisper_appliance.db import Database, locked_folder
from whisper_appliance.history import migrations
from whisper_appliance.history.store import History
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.vitals import Vitals
from whisper_appliance.settings import Settings

MEASURES_MAY_BE_OLD_SECONDS = 30.0


class Appliance:
    """Everything one installation needs, from `start` to `close`; a context manager."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Puts the parts together; nothing is opened, written or started yet."""
        self.settings = settings
        self._monotonic = monotonic
        self._began = monotonic()
        url = settings.database_url.get_secret_value() if settings.database_url else None
        self.database = Database.in_folder(settings.data_dir, url)
        self.history = History(self.database, audio_folder=settings.data_dir / "audio")
        self.certificates = Certificates.from_settings(settings) if settings.https_enabled else None
        self.secret_key = ""
        self._opened = ExitStack()

    def start(self) -> None:
        """Takes the data folder, brings the database up to date, sets everything going; returns at once."""
        with ExitStack() as opened:
            opened.enter_context(locked_folder(self.settings.data_dir))
            opened.callback(self.database.close)
            self.database.upgrade(migrations.FOLDER)
            self.secret_key = load_secret(self.settings.data_dir / "secret.key")
            self._vitals = Vitals(self.settings.data_dir, self.database.revision)
            self._vitals.start()
            opened.callback(self._vitals.close)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Ends what was started, the last first."""
        self._opened.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def health(self) -> Health:
        """Whether everything works; never waits."""
        reasons = tuple(self._reasons())
        return Health("degraded" if reasons else "ok", reasons, __version__, self._uptime_seconds())

    def _uptime_seconds(self) -> float:
        return round(self._monotonic() - self._began, 3)

    def _reasons(self) -> Iterator[Reason]:
        measures = self._vitals.latest()
        if measures.database_error:
            yield Reason("database", measures.database_error)
        if measures.seconds_ago > MEASURES_MAY_BE_OLD_SECONDS:
            yield Reason(
                "stuck", "The disk or the database has not answered for a while. Look at the machine's log."
            )
        if measures.host.disk_free_bytes < self.settings.min_free_disk:
            yield Reason("disk_full", "Too little free disk space to take files. Free some.")
