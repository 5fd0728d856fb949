"""The answer to `describe`: this appliance as a speech-to-text program, with its models and languages."""

from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Info

from whisper_appliance import __version__
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.models.status import ModelStatus
from whisper_appliance.transcript.languages import LANGUAGES

NAME = "whisper-appliance"
MAKER = Attribution("Whisper Appliance", "")
WHISPER = Attribution("OpenAI", "https://github.com/openai/whisper")


def info_event(appliance: Appliance) -> Event:
    """The event `info`: the default model first, then the others that are installed."""
    models = sorted(appliance.models.get_status().models, key=lambda model: not model.default)
    program = AsrProgram(
        name=NAME,
        attribution=MAKER,
        installed=True,
        description="Whisper on a machine of your own",
        version=__version__,
        models=[_model(model) for model in models if model.installed or model.default],
        supports_transcript_streaming=True,
    )
    return Info(asr=[program]).event()


def _model(model: ModelStatus) -> AsrModel:
    return AsrModel(
        name=model.name,
        attribution=WHISPER,
        installed=model.installed,
        description=model.description,
        version=None,
        languages=["en"] if model.languages == "en" else list(LANGUAGES),
    )
