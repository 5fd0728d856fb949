"""A small real program around a queue, to be killed by tests: `program.py DATA_DIR [URL [STORAGE]]`.

Reads commands: `put WORDS` puts a batch job, `now WORDS` an interactive one, `stop` ends in good order.
The word `crash` kills the program, as a file that breaks the engine's process and ours with it; `slow` takes
a second. A worker is stale after STALE_AFTER seconds, if that is set.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.support.jobs import Script, build_queue, request
from tests.support.programs.pauses import shorten_heartbeats, shorten_pauses
from whisper_appliance.engines.contract import Priority
from whisper_appliance.storage.lock import locked_folder

answering = threading.Lock()  # a killed program has answered the command that killed it


def act(word: str) -> None:
    """Dies as by `kill -9`, or takes its time."""
    if word == "crash":
        answering.acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "slow":
        time.sleep(1)


def main(folder: str, url: str | None = None, storage: str | None = None) -> None:
    """Runs until the input ends or says stop."""
    data_dir = Path(folder)
    shared = Path(storage) if storage else None
    script = Script(window_seconds=0.2, window_log=data_dir / "windows.txt", before_window=act)
    with locked_folder(data_dir):
        queue = build_queue(data_dir, script, url=url, storage=shared)
        queue.launch()
        print("ready", flush=True)
        for line in sys.stdin:
            command, _, words = line.strip().partition(" ")
            if command == "stop":
                break
            priority = Priority.INTERACTIVE if command == "now" else Priority.BATCH
            with answering:
                print(queue.enqueue(request(shared or data_dir, words, priority)).id, flush=True)
        queue.close()


if __name__ == "__main__":
    shorten_pauses()
    if stale_after := os.environ.get("STALE_AFTER"):
        shorten_heartbeats(float(stale_after))
    main(*sys.argv[1:])
