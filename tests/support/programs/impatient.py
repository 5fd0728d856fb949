"""The whole appliance with short pauses between attempts: `-m tests.support.programs.impatient serve`."""

from tests.support.programs.pauses import shorten_pauses
from whisper_appliance.cli import main

if __name__ == "__main__":
    shorten_pauses()
    main()
