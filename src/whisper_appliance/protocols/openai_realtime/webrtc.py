"""Realtime sessions over WebRTC: audio in, events over the data channel `oai-events`."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.protocols.openai_realtime.server_events import JsonObject, error_event
from whisper_appliance.protocols.openai_realtime.transport import AnySession, MakeAudioSession, handle_safely
from whisper_appliance.protocols.webrtc import Peer

CHANNEL = "oai-events"
Watched = Callable[[Callable[[ApplianceError], object]], AbstractContextManager[None]]


@dataclass(frozen=True)
class RealtimeCall:
    """The session of one peer: `open_session` starts it, `close_session` ends it.

    `watched` calls a function once the rights of the peer have ended; `throttle` delays a peer that is too
    fast, and takes the bytes of its audio; `leave` is called once the peer has gone.
    """

    make: MakeAudioSession
    open_session: Callable[[AnySession], None]
    close_session: Callable[[AnySession], None]
    watched: Watched
    throttle: Callable[[int], None]
    leave: Callable[[], None]

    def serve(self, peer: Peer) -> None:
        """Runs the session until the peer has ended."""

        def send(event: JsonObject) -> None:
            peer.send(json.dumps(event, ensure_ascii=False))

        def end(error: ApplianceError) -> None:
            send(error_event(error))
            peer.end()

        session = self.make(send, self.throttle, peer.end)
        try:
            with self.watched(end):
                self.open_session(session)
                for message in peer.messages():
                    if isinstance(message, str):
                        handle_safely(session, message, send)
                    else:
                        session.feed_pcm(message)
        except ApplianceError as error:  # no live session is free
            send(error_event(error))
        finally:
            self.close_session(session)
            self.leave()
