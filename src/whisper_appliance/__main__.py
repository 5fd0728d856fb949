"""`python -m whisper_appliance` is `whisper-appliance`."""

import os
import sys
from pathlib import Path

from whisper_appliance.cli import main

if __name__ == "__main__":
    # `-m` puts the current folder first, and engines may read all folders of the search path.
    if sys.path[0] == os.getcwd() != str(Path(__file__).parents[1]):
        del sys.path[0]
    main()
