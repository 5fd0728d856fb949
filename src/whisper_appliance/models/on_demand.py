"""Downloads on demand: a request for a model that is missing starts its download."""

from collections.abc import Callable

from whisper_appliance.core.errors import ModelDownloading, ModelUnavailable, NotAllowed, NotFound
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.store import ModelStore

RETRY_SECONDS = 30.0
"""A download that failed is not started again sooner, because every request would start it."""


class DownloadOnDemand:
    """Starts downloads of missing models, and words why a model cannot be used yet."""

    def __init__(
        self,
        store: ModelStore,
        downloads: Downloads,
        *,
        on_done: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`on_done` is called with the name of each model that was downloaded."""
        self._store = store
        self._downloads = downloads
        self._on_done = on_done
        self._clock = clock
        self._started: dict[str, float] = {}

    def start(self, name: str) -> ModelUnavailable:
        """Starts or continues the download of a model. Returns the error for the request that needs it.

        Nothing is started after a cancelled download, nor within `RETRY_SECONDS` of a failed one.
        """
        if refusal := self._refuse_restart(name):
            return refusal
        problem = self._store.file_problem(name)
        try:
            download = self._downloads.start(name, on_done=self._on_done)
        except (NotAllowed, NotFound) as error:
            return ModelUnavailable(problem or error.message, field="model")
        percent = int(download.progress * 100)
        downloading = ModelDownloading(
            "The model {name} is being downloaded, {percent} %. Try again later.",
            name=name,
            percent=percent,
            retry_after_seconds=download.eta_seconds or RETRY_SECONDS,
        )
        if not problem:
            return downloading
        return ModelDownloading(
            "{problem} {downloading}",
            problem=ModelUnavailable(problem),
            downloading=downloading,
            retry_after_seconds=downloading.retry_after_seconds,
        )

    def _refuse_restart(self, name: str) -> ModelUnavailable | None:
        last = self._downloads.status(name)
        if last is not None and last.active:
            return None
        recent = self._clock() - self._started.get(name, float("-inf")) < RETRY_SECONDS
        if last and (last.state == "cancelled" or (last.state == "failed" and recent)):
            reason = ModelUnavailable(last.error or "the download was cancelled.")
            return ModelUnavailable(
                "The model {name} is not here: {reason}",
                name=name,
                reason=reason,
                retry_after_seconds=RETRY_SECONDS,
            )
        self._started[name] = self._clock()
        return None
