"""The finisher of live sessions: saves the transcript at once, then has the recording transcribed again.

What fails is retried after `RETRY_SECONDS`, and after the next start.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import structlog

from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.live.events import SessionEnded
from whisper_appliance.live.final_transcript import FinishedSession, finish_session
from whisper_appliance.live.live_session import LiveSession

RETRY_SECONDS = 30.0


class Finisher:
    """Finishes one session after the other, in a thread of its own."""

    def __init__(
        self,
        save_transcript: Callable[[FinishedSession], str],
        retranscribe: Callable[[FinishedSession], None],
        *,
        on_done: Callable[[LiveSession], None],
        on_discarded: Callable[[LiveSession], None],
    ) -> None:
        """Calls `on_done` once everything is saved, `on_discarded` if nothing of a session is kept."""
        self._save_transcript = save_transcript
        self._retranscribe = retranscribe
        self._on_done = on_done
        self._on_discarded = on_discarded
        self._finishing = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "live-finish")

    def finish(self, session: LiveSession) -> None:
        """Finishes a session whose words are all committed; one that has ended is only handed over."""
        with suppress(RuntimeError):  # closed meanwhile: the next start finishes it
            self._thread.submit(self._run, session)

    def pause(self, act: Callable[[], None]) -> None:
        """Calls `act` while no session is being finished."""
        with self._finishing:
            act()

    def close(self) -> None:
        """Waits for the session in progress; the next start finishes the others."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, session: LiveSession) -> None:
        with self._finishing, structlog.contextvars.bound_contextvars(session=session.id):
            if not log_errors(partial(self._finish, session), "a live session could not be finished"):
                timer = threading.Timer(RETRY_SECONDS, self.finish, [session])
                timer.daemon = True
                timer.start()

    def _finish(self, session: LiveSession) -> None:
        if session.cancelled or not (session.ended or session.recording.samples):
            if not session.ended:
                session.publish([SessionEnded("", 0.0, None)])
            self._on_discarded(session)
            return
        if not session.ended:
            finished = finish_session(session)
            transcript_id = self._save_transcript(finished)
            transcript = finished.transcript
            session.publish([SessionEnded(transcript.text, transcript.duration, transcript_id)])
        if not session.handed_over:
            self._retranscribe(finish_session(session))
            session.mark_handed_over()
        self._on_done(session)
