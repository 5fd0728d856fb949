"""The parent's side of a decoder process: starts it, sends its job, receives its messages, terminates it.

Its messages are validated, because it runs native code on foreign input.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

import whisper_appliance
from whisper_appliance.core.processor_time import processor_seconds

# -S and an explicit path instead of `-m`: no .pth files are run, and it works from a wheel, from an editable
# install and from a source tree alike.
_START = "import sys; sys.path[:] = sys.argv[1:]; from whisper_appliance.audio.%s import main; main()"
_MESSAGE_BYTES = 65536
_MAX_MESSAGES = 8  # three are sent
_EXIT_SECONDS = 2.0
_EXIT_POLL_SECONDS = 0.002
REFUSED = 1
"""The exit status of a process that has sent something that is not a message."""

Count = Annotated[int, Field(ge=0, le=2**40)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class DecoderReady:
    """The process waits for its job; which layers of the sandbox hold so far."""

    kind: Literal["ready"]
    unprivileged: bool = False
    own_network: bool = False
    no_capabilities: bool = False


@dataclass(frozen=True, slots=True)
class DecoderOpened:
    """The header of the file."""

    kind: Literal["opened"]
    container: str
    codec: str
    rate: Count
    channels: Annotated[int, Field(ge=0, le=1000)]
    seconds: Seconds | None
    track: Count
    tracks: Count
    track_language: str
    video_codec: str
    is_plain: bool


@dataclass(frozen=True, slots=True)
class DecoderEnded:
    """The verdict; only the decoder has more to say than that."""

    kind: Literal["ended"]
    verdict: str
    detail: str = ""
    samples: Count = 0
    cut_off: bool = False
    lost_places: Count = 0
    lost_seconds: Seconds = 0.0
    lost_at_seconds: Seconds | None = None
    landlocked: bool = False
    filtered: bool = False


_MESSAGE: TypeAdapter[DecoderReady | DecoderOpened | DecoderEnded] = TypeAdapter(
    Annotated[DecoderReady | DecoderOpened | DecoderEnded, Field(discriminator="kind")]
)


class DecoderProcess:
    """One child process for one file. Each side sees the exit of the other as the end of the socket."""

    def __init__(self, stderr: int = subprocess.DEVNULL, *, program: str = "decoder_child") -> None:
        """`stderr` is a descriptor for the child's standard error; its content is untrusted, as the file is.

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
                stderr=stderr,
                env={},
                cwd="/",
                start_new_session=True,
            )
        self._messages = 0
        self._is_refused = False

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._process.pid

    def start_job(self, limits: dict[str, Any], source: int, target: int) -> None:
        """Sends the job. Raises `OSError` if the process has exited."""
        socket.send_fds(self._channel, [json.dumps(limits).encode()], [source, target])

    def send(self, message: bytes) -> None:
        """Sends a message. Raises `OSError` after the child exited, `BlockingIOError` on a full buffer."""
        self._channel.settimeout(0)
        self._channel.send(message)

    def receive(self, timeout_seconds: float) -> dict[str, Any] | None:
        """The next message, or `None` after the timeout.

        Raises `EOFError` if the child has exited, or sends something that is not a message.
        """
        self._channel.settimeout(timeout_seconds)
        try:
            data = self._channel.recv(_MESSAGE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        self._messages += 1
        try:
            message = asdict(_MESSAGE.validate_json(data))
        except ValidationError:
            self._is_refused = True
        if self._is_refused or self._messages > _MAX_MESSAGES:
            self._is_refused = True
            raise EOFError
        return message

    def processor_seconds(self) -> float:
        """The processor time that the child has used; 0 after `wait` and `terminate`."""
        return processor_seconds(self.pid)

    def wait(self) -> int:
        """The exit status after `receive` has raised `EOFError`; a child that does not exit is killed."""
        deadline = time.monotonic() + (0 if self._is_refused else _EXIT_SECONDS)
        while not self._has_exited() and time.monotonic() < deadline:
            time.sleep(_EXIT_POLL_SECONDS)
        status = self.terminate()
        return REFUSED if self._is_refused else status

    def terminate(self) -> int:
        """Kills the child and all that it has started; returns its status (negative: killed by a signal)."""
        if self._process.returncode is None:  # its number is its own until it is reaped
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._channel.close()
        return self._process.wait()

    def _has_exited(self) -> bool:
        """Whether it has; it is not reaped, so that its session can still be killed."""
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True


class PrestartedDecoder:
    """Keeps at most one child process started ahead of need. Thread-safe."""

    def __init__(self, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._child: DecoderProcess | None = None
        self._timer: threading.Timer | None = None

    def prepare(self) -> None:
        """Starts a child unless there is one; it is terminated if it is not taken in time."""
        with self._lock:
            if self._child is None:
                self._child = DecoderProcess()
                self._timer = threading.Timer(self._keep_seconds, self._expire, [self._child])
                self._timer.daemon = True
                self._timer.start()

    def take(self) -> DecoderProcess | None:
        """The prestarted child, if any; the caller owns it from now on."""
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
        child.terminate()
