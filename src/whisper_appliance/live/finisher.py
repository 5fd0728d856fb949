"""The end of a session: its transcript is kept at once, and its recording is heard again in peace."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.live.events import SessionEnded as End
from whisper_appliance.live.final_transcript import FinishedSession, finish_session
from whisper_appliance.live.live_session import LiveSession

AGAIN_SECONDS = 30.0
log = structlog.get_logger()


class Finisher:
    """Ends one session after the other, in a thread of its own; what fails is tried again."""

    def __init__(
        self,
        keep: Callable[[FinishedSession], str],
        hear_again: Callable[[FinishedSession], None],
        *,
        done: Callable[[LiveSession], None],
        gone: Callable[[LiveSession], None],
    ) -> None:
        """`done` is told when nothing is left to do; `gone`, when nothing of a session is to be kept."""
        self._keep = keep
        self._hear_again = hear_again
        self._done = done
        self._gone = gone
        self._ending = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "live-finish")

    def finish(self, stream: LiveSession) -> None:
        """Ends a session whose words are all settled; one that has ended before is only handed over."""
        with suppress(RuntimeError):  # closed meanwhile: the next start does it
            self._thread.submit(self._end, stream)

    def between(self, act: Callable[[], None]) -> None:
        """Does something while no session is being ended, and waits for it."""
        with self._ending:
            act()

    def close(self) -> None:
        """What is under way ends first; the rest is left to the next start."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _end(self, stream: LiveSession) -> None:
        with self._ending:
            if stream.ended:
                self._hand_over(stream)
            else:
                self._finish(stream)

    def _finish(self, stream: LiveSession) -> None:
        if stream.cancelled or not stream.recording.samples:
            stream.tell([End("", 0.0, None)])
            self._gone(stream)
            return
        over = finish_session(stream)
        try:
            kept = self._keep(over)
        except ApplianceError as error:
            self._again(stream, "a live transcript could not be kept yet", error)
            return
        stream.tell([End(over.transcript.text, over.transcript.duration, kept)])
        self._hand_over(stream)

    def _hand_over(self, stream: LiveSession) -> None:
        if not stream.handed:
            try:
                self._hear_again(finish_session(stream))
            except (ApplianceError, OSError) as error:
                self._again(stream, "a live recording waits for its job", error)
                return
            stream.mark_handed_over()
        self._done(stream)

    def _again(self, stream: LiveSession, what: str, error: Exception) -> None:
        log.warning(what, session=stream.id, reason=str(error), again_in_seconds=AGAIN_SECONDS)
        timer = threading.Timer(AGAIN_SECONDS, self.finish, [stream])
        timer.daemon = True
        timer.start()
