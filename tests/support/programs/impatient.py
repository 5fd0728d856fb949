"""The whole appliance with short pauses between attempts, and measurements that end with their first window:
`-m tests.support.programs.impatient serve`.
"""

from tests.support.programs.pauses import shorten_pauses
from whisper_appliance.app import model_suggestions
from whisper_appliance.cli import main

if __name__ == "__main__":
    shorten_pauses()
    model_suggestions.MEASURE_SECONDS = 0.0
    main()
