"""The parent's side of a decoder process: starts it, sends its job, receives its messages, terminates it."""

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import whisper_appliance

# -S and an explicit path instead of `-m`: no .pth files are run, and it works from a wheel, from an editable
# install and from a source tree alike.
_START = "import sys; sys.path[:] = sys.argv[1:]; from whisper_appliance.audio.%s import main; main()"
_MESSAGE_BYTES = 65536
_EXIT_SECONDS = 2.0


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
        """The next message, or `None` after the timeout. Raises `EOFError` if the child has exited."""
        self._channel.settimeout(timeout_seconds)
        try:
            data = self._channel.recv(_MESSAGE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        message: dict[str, Any] = json.loads(data)
        return message

    def wait(self) -> int:
        """The exit status of a child whose end of the socket is closed; it is killed if it does not exit."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        return self.terminate()

    def terminate(self) -> int:
        """Kills the child and returns its exit status (negative: killed by that signal)."""
        self._process.kill()
        self._channel.close()
        return self._process.wait()


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
