"""Transcript codec: what is written is read again."""

from dataclasses import replace

from tests.support.library import transcript
from whisper_appliance.transcript.codec import from_dict, from_json, to_dict, to_json
from whisper_appliance.transcript.model import Transcript


def test_speaker_language_and_channel_survive_both_forms() -> None:
    plain = transcript()
    told = replace(plain, segments=(replace(plain.segments[0], speaker="Zoë", language="en", channel=2),))
    assert from_json(Transcript, to_json(told)) == told
    [segment] = from_dict(to_dict(told)).segments
    assert (segment.speaker, segment.language, segment.channel) == ("Zoë", "en", 2)


def test_json_of_the_api_names_no_speaker_where_none_is_known() -> None:
    assert "speaker" not in to_dict(transcript())["segments"][0]
