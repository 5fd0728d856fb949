"""Entry point of the diarizer's process: drops privileges, then becomes the diarizer."""

import os
import sys
from pathlib import Path

from whisper_appliance.engines.process.out_of_memory import FAILURES, OUT_OF_MEMORY, is_out_of_memory
from whisper_appliance.engines.process.start import drop_privileges


def main() -> None:
    """Takes the pipe's descriptor and the folder of the model from the command line."""
    drop_privileges(Path(sys.argv[2]))
    try:
        from whisper_appliance.diarization.process.child import serve

        serve(int(sys.argv[1]))
    except FAILURES as error:
        if not is_out_of_memory(error):
            raise
        os._exit(OUT_OF_MEMORY)
    os._exit(0)


if __name__ == "__main__":
    main()
