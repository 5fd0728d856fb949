"""Starts the appliance again whenever it ends with the code of a restart, as systemd would."""

import os
import signal
import sys
from types import FrameType

from whisper_appliance.cli import main as run_appliance

RESTART = 75


def main() -> int:
    """The exit code of the last run."""
    running = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        os.kill(running, number)

    signal.signal(signal.SIGTERM, stop)
    code = RESTART
    while code == RESTART:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        if (running := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            run_appliance(["serve"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        code = os.waitstatus_to_exitcode(os.waitpid(running, 0)[1])
    return code


if __name__ == "__main__":
    sys.exit(main())
