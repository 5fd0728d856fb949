"""Stored English texts are shown in German: errors of jobs and notices of transcripts, with their values."""

import pytest

from whisper_appliance.audio.decode_errors import READ_UP_TO, WRONG_LENGTH
from whisper_appliance.core.errors import AudioTooLong, TooLarge, Undecodable
from whisper_appliance.core.stored_texts import translate_stored
from whisper_appliance.core.text import format_bytes
from whisper_appliance.jobs.job_runner import TOO_MANY_ATTEMPTS
from whisper_appliance.models.folders import IS_MISSING
from whisper_appliance.models.hardware import Machine, recommend
from whisper_appliance.models.store import DAMAGED_IN_FOLDER
from whisper_appliance.transcription.speakers import NO_SPEAKERS
from whisper_appliance.transcription.transcribe import NO_SPEECH, PROMPT_CUT, UNTRANSCRIBED

TOO_LONG = AudioTooLong(
    "This recording is longer than the limit of {limit}. Split it and send the parts.", limit="2:00:00"
)
NESTED = Undecodable(
    "{format} files can't be read, because they are encrypted or their format is secret. {way_out}",
    format="DSS",
    way_out=Undecodable("The file is damaged. It could be read up to {time}.", time="0:07"),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (READ_UP_TO.format(time="1:02"), "1:02"),
        (WRONG_LENGTH.format(claimed="1:00:00", actual="0:10"), "1:00:00"),
        (UNTRANSCRIBED.format(times="0:05-0:31, 1:10-1:20"), "0:05-0:31, 1:10-1:20"),
        (NO_SPEECH.message, ""),
        (PROMPT_CUT.message, "223"),
        (TOO_LONG.message, "2:00:00"),
        (NESTED.message, "0:07"),
        (TOO_MANY_ATTEMPTS, ""),
        (NO_SPEAKERS.format(reason="The file is damaged. It could be read up to 0:07."), "0:07"),
        (DAMAGED_IN_FOLDER.format(name="tiny", problem=IS_MISSING.format(file="model.bin")), "model.bin"),
    ],
)
def test_a_stored_text_is_german_with_its_values(text: str, value: str) -> None:
    german = translate_stored(text, "de")
    assert german != text
    assert value in german
    assert "{" not in german


def test_a_nested_text_is_german_too() -> None:
    assert "It could be read" not in translate_stored(NESTED.message, "de")
    damaged = DAMAGED_IN_FOLDER.format(name="tiny", problem=IS_MISSING.format(file="model.bin"))
    assert "is missing" not in translate_stored(damaged, "de")


def test_of_two_messages_that_match_the_one_with_more_placeholders_is_meant() -> None:
    machine = Machine(cores=2, memory_bytes=16_000_000_000, available_bytes=16_000_000_000)
    assert "large-v3; es wird aber langsam sein." in translate_stored(recommend(machine).text, "de")


def test_sizes_are_written_as_in_the_language() -> None:
    machine = Machine(cores=2, memory_bytes=round(15.2 / 0.6 * 2**30), available_bytes=0)
    assert "kann einem Modell 15,2 GB Speicher geben" in translate_stored(recommend(machine).text, "de")
    full = TooLarge("The disk is nearly full: {size} are free.", size=format_bytes(1.5 * 2**30))
    assert "1,5 GB" in full.format(lambda text: translate_stored(text, "de"))
    assert translate_stored("talk 1.5 GB", "de") == "talk 1.5 GB"


@pytest.mark.parametrize("text", ["", "Interview with Ada", "{time}", "The file is damaged after 0:02."])
def test_another_text_stays_as_it_is(text: str) -> None:
    assert translate_stored(text, "de") == text
