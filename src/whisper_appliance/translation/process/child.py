"""The translator's own process: takes lists of lines from a pipe, and answers each with as many lines."""

from multiprocessing.connection import Connection

from whisper_appliance.engines.process.conversation import send_answer
from whisper_appliance.engines.process.loader import given_loader
from whisper_appliance.engines.process.wire_format import receive
from whisper_appliance.translation.contract import Translator, TranslatorSpec
from whisper_appliance.translation.pieces import pieces
from whisper_appliance.translation.registry import load_translator


def translate(connection: Connection) -> None:
    """Loads the model, sends an empty answer, and translates each list that arrives, until None."""
    spec = receive(connection, TranslatorSpec)
    translator = given_loader(load_translator)(spec)
    send_answer(connection)
    while (lines := receive(connection, list[str] | None)) is not None:
        send_answer(connection, lines=[_line(translator, line, spec.source) for line in lines])


def _line(translator: Translator, line: str, language: str) -> str:
    """The line in the other language; a part without letters stays, because models make something up."""
    parts = pieces(line, language)
    spoken = list(filter(_has_letters, parts))
    made = iter(translator.translate(spoken) if spoken else ())
    return " ".join(next(made) if _has_letters(part) else part for part in parts)


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))
