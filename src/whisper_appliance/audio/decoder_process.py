"""The parent's hold on one decoder process: started, given one order, listened to, ended."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import whisper_appliance

# -S and an explicit path instead of `-m`: no .pth files are run, and it works from a wheel, from an editable
# install and from a source tree alike.
_START = "import sys; sys.path[:] = sys.argv[1:]; from whisper_appliance.audio.%s import main; main()"
_MESSAGE_BYTES = 65536


class DecoderProcess:
    """One child, good for one file. Each side sees the other's death as the end of the socket."""

    def __init__(self, complaints: int = subprocess.DEVNULL, *, program: str = "decoder_child") -> None:
        """`complaints` is a descriptor for what the child says on stderr; a file may make it say anything.

        `program` is a module beside this one: `decoder_child`, or `stream_decoder` for a file that grows.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = str(Path(whisper_appliance.__file__).resolve().parents[1])
        search_path = [root, *(entry for entry in sys.path if entry)]
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START % program, *search_path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env={},
                cwd="/",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's."""
        return self._process.pid

    def order(self, limits: dict[str, Any], source: int, target: int) -> None:
        """Hands over the one job. Raises `OSError` when the process is gone."""
        socket.send_fds(self._channel, [json.dumps(limits).encode()], [source, target])

    def tell(self, what: bytes) -> None:
        """A word to the child. Raises `OSError` when it is gone, `BlockingIOError` when many wait unread."""
        self._channel.settimeout(0)
        self._channel.send(what)

    def message(self, timeout_seconds: float) -> dict[str, Any] | None:
        """What the child says next, `None` if it is silent that long. Raises `EOFError` when it has ended."""
        self._channel.settimeout(timeout_seconds)
        try:
            said = self._channel.recv(_MESSAGE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionResetError:
            said = b""
        if not said:
            raise EOFError
        message: dict[str, Any] = json.loads(said)
        return message

    def end(self) -> int:
        """Ends the child whatever it does, and returns how it ended (negative: by that signal)."""
        self._process.kill()
        self._channel.close()
        return self._process.wait()


class Spare:
    """At most one child that has started ahead of need. Safe to use from any thread."""

    def __init__(self, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._child: DecoderProcess | None = None
        self._timer: threading.Timer | None = None

    def prepare(self) -> None:
        """Starts the spare child unless there is one; it is ended if nobody takes it in time."""
        with self._lock:
            if self._child is None:
                self._child = DecoderProcess()
                self._timer = threading.Timer(self._keep_seconds, self._expire, [self._child])
                self._timer.daemon = True
                self._timer.start()

    def take(self) -> DecoderProcess | None:
        """The spare child, which is the caller's from now on."""
        with self._lock:
            child, self._child = self._child, None
            if self._timer:
                self._timer.cancel()
                self._timer = None
            return child

    def _expire(self, child: DecoderProcess) -> None:
        with self._lock:
            if self._child is not child:
                return
            self._child = self._timer = None
        child.end()
