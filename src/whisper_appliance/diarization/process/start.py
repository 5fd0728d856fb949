"""Entry point of the diarizer's process: drops privileges, then becomes the diarizer."""

from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.process.start import main


def serve_diarizer(pipe: int, _isolation: Isolation) -> None:
    """Imports the diarizer only now, and serves it."""
    from whisper_appliance.diarization.process.child import diarize
    from whisper_appliance.engines.process.conversation import serve_one

    serve_one(pipe, diarize)


if __name__ == "__main__":
    main(serve_diarizer)
