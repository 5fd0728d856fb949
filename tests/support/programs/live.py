"""A real program around live sessions, to be killed by tests: `-m tests.support.programs.live FOLDER`.

Each line of input is JSON with a "do": "open" begins a session, "feed" takes base64 audio. Each line of
output is the answer; every announcement is written to the file `told` beside its folder.
"""

import base64
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.support.engines import ScriptedModels
from whisper_appliance.live.manager import LiveAnnouncement, LiveLimits, LiveManager, SessionRequest


def main(folder: str) -> None:
    """Runs until it is killed."""
    told = (Path(folder).parent / "told").open("a", buffering=1)

    def announce(announcement: LiveAnnouncement) -> None:
        told.write(json.dumps(asdict(announcement)) + "\n")

    sessions = LiveManager(
        Path(folder),
        ScriptedModels(),
        save_transcript=lambda ended: ended.info.id,
        retranscribe=lambda ended: None,
        announce=announce,
        limits=LiveLimits(),
    )
    sessions.launch()
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        match command.pop("do"):
            case "open":
                answer = asdict(sessions.open(SessionRequest(), owner="ann", connection="socket"))
            case "feed":
                data = base64.b64decode(command.pop("audio"))
                answer = asdict(sessions.feed(**command, data=data, connection="socket"))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
