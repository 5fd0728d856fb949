"""Entry point of the engine's process: drops privileges, then becomes the engine.

Nothing heavy may be imported before that, because libraries start threads, and a thread keeps its privileges.
"""

import os
import sys

from whisper_appliance.core import sandbox
from whisper_appliance.engines.process.out_of_memory import FAILURES, OUT_OF_MEMORY, is_out_of_memory

OPEN_FILES = 512


def drop_privileges() -> str:
    """No core dumps, no new privileges, few files, no network; returns `EngineStatus.network`."""
    sandbox.limit_files(OPEN_FILES)
    sandbox.set_no_new_privs()
    if sandbox.unshare_network():
        return "own"
    return "no tcp" if sandbox.landlock_deny_tcp() else "shared"


def main() -> None:
    """Takes the pipe's descriptor from the command line."""
    network = drop_privileges()
    try:
        from whisper_appliance.engines.process.child import serve

        serve(int(sys.argv[1]), network)
    except FAILURES as error:
        if not is_out_of_memory(error):
            raise
        os._exit(OUT_OF_MEMORY)
    os._exit(0)


if __name__ == "__main__":
    main()
