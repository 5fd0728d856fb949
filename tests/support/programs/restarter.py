"""Starts the appliance again whenever it ends with the code of a restart, as systemd would."""

import signal
import subprocess
import sys
from types import FrameType

RESTART = 75


def main() -> int:
    """The exit code of the last run."""
    children: list[subprocess.Popen[bytes]] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        children[-1].send_signal(number)

    signal.signal(signal.SIGTERM, stop)
    code = RESTART
    while code == RESTART:
        children.append(subprocess.Popen([sys.executable, "-m", "whisper_appliance", "serve"]))
        code = children[-1].wait()
    return code


if __name__ == "__main__":
    sys.exit(main())
