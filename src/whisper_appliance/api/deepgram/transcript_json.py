"""A transcript as Deepgram's JSON: channels, words, paragraphs and utterances."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisper_appliance.jobs.job import Job
from whisper_appliance.library.transcript_rows import StoredTranscript
from whisper_appliance.transcript.model import Segment, Transcript
from whisper_appliance.transcript.typography import CLOSING, SENTENCE_ENDS
from whisper_appliance.web.deepgram_format import (
    JsonObject,
    SpokenWord,
    alternative,
    model_info,
    text_of,
    word_json,
)

PARAGRAPH_SENTENCES = 5
PARAGRAPH_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What the response has beside the words; `utterance_gap_seconds` None: no utterances."""

    detected_language: bool
    paragraphs: bool
    utterance_gap_seconds: float | None
    speakers: bool


def transcript_json(stored: StoredTranscript, job: Job, output: OutputOptions) -> JsonObject:
    """The response to a recording."""
    transcript = stored.transcript
    speakers = _speakers(transcript) if output.speakers else {}
    channels = [_words(segments, speakers) for segments in _by_channel(transcript)]
    results: JsonObject = {"channels": [_channel(words, transcript, output) for words in channels]}
    if (gap := output.utterance_gap_seconds) is not None:
        utterances = [
            _utterance(words, number)
            for number, channel in enumerate(channels)
            for words in _split_at_gaps(channel, gap)
        ]
        results["utterances"] = sorted(utterances, key=lambda utterance: utterance["start"])
    model_id, info = model_info(transcript.model)
    metadata = {
        "transaction_key": "deprecated",
        "request_id": job.id,
        "sha256": transcript.provenance.audio_sha256 if transcript.provenance else "",
        "created": stored.summary.created,
        "duration": round(transcript.duration, 3),
        "channels": len(channels),
        "models": [model_id],
        "model_info": {model_id: info},
    }
    return {"metadata": metadata, "results": results}


def _by_channel(transcript: Transcript) -> list[list[Segment]]:
    """The segments of each channel; of one, if the channels were mixed."""
    numbers = [segment.channel or 1 for segment in transcript.segments]
    separate = any(segment.channel for segment in transcript.segments)
    tracks = transcript.provenance.tracks if transcript.provenance else None
    count = max([*numbers, tracks.channels if separate and tracks else 1])
    return [
        [segment for segment, number in zip(transcript.segments, numbers, strict=True) if number == channel]
        for channel in range(1, count + 1)
    ]


def _speakers(transcript: Transcript) -> dict[str, int]:
    """The number of each speaker, from 0, in the order in which they speak."""
    names = dict.fromkeys(segment.speaker for segment in transcript.segments)
    return {name: number for number, name in enumerate(names)}


def _words(segments: Iterable[Segment], speakers: Mapping[str, int]) -> list[SpokenWord]:
    return [
        SpokenWord(word.start, word.end, word.word, word.probability, speakers.get(segment.speaker))
        for segment in segments
        for word in segment.words
    ]


def _channel(words: Sequence[SpokenWord], transcript: Transcript, output: OutputOptions) -> JsonObject:
    best = alternative(words)
    if output.paragraphs:
        best["paragraphs"] = _paragraphs(words)
    channel: JsonObject = {"alternatives": [best]}
    if output.detected_language:
        channel["detected_language"] = transcript.language
        channel["language_confidence"] = round(transcript.language_probability, 4)
    return channel


def _paragraphs(words: Sequence[SpokenWord]) -> JsonObject:
    paragraphs: list[list[list[SpokenWord]]] = []
    for sentence in _sentences(words):
        last = paragraphs[-1] if paragraphs else []
        if not last or len(last) >= PARAGRAPH_SENTENCES or _begins_anew(last[-1][-1], sentence[0]):
            paragraphs.append([])
        paragraphs[-1].append(sentence)
    texts = [" ".join(map(text_of, sentences)) for sentences in paragraphs]
    return {"transcript": "\n\n".join(texts), "paragraphs": list(map(_paragraph, paragraphs))}


def _begins_anew(before: SpokenWord, after: SpokenWord) -> bool:
    return after.speaker != before.speaker or after.start - before.end >= PARAGRAPH_PAUSE_SECONDS


def _paragraph(sentences: Sequence[Sequence[SpokenWord]]) -> JsonObject:
    return {
        "sentences": [{"text": text_of(sentence), **_range(sentence)} for sentence in sentences],
        "num_words": sum(map(len, sentences)),
        **_speaker(sentences[0]),
        "start": _range(sentences[0])["start"],
        "end": _range(sentences[-1])["end"],
    }


def _sentences(words: Iterable[SpokenWord]) -> Iterator[list[SpokenWord]]:
    sentence: list[SpokenWord] = []
    for word in words:
        if sentence and word.speaker != sentence[-1].speaker:
            yield sentence
            sentence = []
        sentence.append(word)
        if word.text.rstrip().rstrip(CLOSING).endswith(SENTENCE_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _split_at_gaps(words: Sequence[SpokenWord], gap_seconds: float) -> Iterator[Sequence[SpokenWord]]:
    gaps = enumerate(pairwise(words), start=1)
    cuts = [
        at
        for at, (before, after) in gaps
        if after.start - before.end > gap_seconds or after.speaker != before.speaker
    ]
    return (words[start:stop] for start, stop in pairwise([0, *cuts, len(words)]) if start < stop)


def _utterance(words: Sequence[SpokenWord], channel: int) -> JsonObject:
    spoken = alternative(words)
    return {
        **_range(words),
        "confidence": spoken["confidence"],
        "channel": channel,
        "transcript": spoken["transcript"],
        "words": list(map(word_json, words)),
        **_speaker(words),
        "id": str(uuid.uuid4()),
    }


def _speaker(words: Sequence[SpokenWord]) -> dict[str, int]:
    return {} if words[0].speaker is None else {"speaker": words[0].speaker}


def _range(words: Sequence[SpokenWord]) -> dict[str, float]:
    return {"start": round(words[0].start, 3), "end": round(words[-1].end, 3)}
