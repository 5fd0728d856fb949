"""Entry point of the translator's process: drops privileges, then becomes the translator."""

from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.process.start import main


def serve_translator(pipe: int, _isolation: Isolation) -> None:
    """Imports the translator only now, and serves it."""
    from whisper_appliance.engines.process.conversation import serve_one
    from whisper_appliance.translation.process.child import translate

    serve_one(pipe, translate)


if __name__ == "__main__":
    main(serve_translator)
