"""Starts the appliance again whenever it ends with the code of a restart, as systemd would."""

import os
import signal
import sys
from types import FrameType

from whisper_appliance.cli import main as run_appliance

RESTART = 75


def main() -> int:
    """The exit code of the last run."""
    running, is_stopped = 0, False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopped
        is_stopped = True
        os.kill(running, number)

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until there is a process to send it to
    signal.signal(signal.SIGTERM, stop)
    code = RESTART
    while code == RESTART and not is_stopped:
        if (running := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            run_appliance(["serve"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        os.waitid(os.P_PID, running, os.WEXITED | os.WNOWAIT)  # its number stays its own
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        code = os.waitstatus_to_exitcode(os.waitpid(running, 0)[1])
    return code


if __name__ == "__main__":
    sys.exit(main())
