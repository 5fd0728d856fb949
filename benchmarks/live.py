"""`python -m benchmarks.live MODEL_FOLDER`: captions on a virtual clock, beside the offline transcript.

One stream hears for real. How many streams fit is a question of scheduling alone: there the words are those
of the offline transcript, and what hearing them takes is modelled.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.live_clock import Microphone, Run, by_engine, by_script, run
from benchmarks.live_score import Score, score, spread
from benchmarks.live_speech import Speech, speeches, together
from benchmarks.measuring import word_error_rate
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import Engine, EngineSpec, Options, Window
from whisper_appliance.engines.vad import FRAME, Silero
from whisper_appliance.live.local_agreement import text_of
from whisper_appliance.transcript.model import Word
from whisper_appliance.transcription.segmentation import SegmentationConfig, segment_speech

LIVE = Options(language="en", quality="fast", word_timestamps=True)
OFFLINE = Options(language="en", word_timestamps=True)
BETWEEN_STREAMS_SECONDS = 0.37
SPREADS = ("first s (median / p95)", "settled s (median / p95)")
COLUMNS = (*SPREADS, "flicker", "WER live", "refined", "offline", "CPU s per s", "of it refining")


def main() -> None:
    """Runs what was asked for and prints tables."""
    arguments = _arguments()
    from whisper_appliance.engines.registry import load_engine

    engine = load_engine(EngineSpec("auto", arguments.model, arguments.path, "cpu", "int8", workers=1))
    speech = speeches(arguments.audio, arguments.only)
    truths = [_offline(engine, one.samples) for one in speech]
    load = os.getloadavg()[0]
    print(
        f"{arguments.model}, int8; clock: {arguments.cost}; load of this machine at the start: {load:.1f}\n"
    )
    _one_stream(engine, speech, truths, arguments)
    _many_streams(speech, truths, arguments.streams)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("path", type=Path, help="folder of a model in CTranslate2's format")
    parser.add_argument("--model", default="base", help="what to call it")
    parser.add_argument("--audio", type=Path, help="folder with recordings and a manifest.json")
    parser.add_argument(
        "--cost",
        choices=("measured", "model"),
        default="measured",
        help="how long hearing takes: as measured here, or as base int8 does on an idle core",
    )
    parser.add_argument("--only", nargs="*", default=[], help="some of the recordings, by name")
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4, 8, 12])
    return parser.parse_args()


def _one_stream(engine: Engine, speech: Sequence[Speech], truths: Sequence[Sequence[Word]],
                arguments: argparse.Namespace) -> None:  # fmt: skip
    print("| recording | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    total, texts, runs = Score(), list[tuple[str, str, str, str]](), list[Run]()
    for one, truth in zip(speech, truths, strict=True):
        microphone = Microphone(one.samples, LIVE)
        ran = run(by_engine(engine), [microphone], cost=arguments.cost)
        scored = _score(microphone, truth)
        live = text_of(microphone.session.agreement.committed)
        text = (one.reference, live, _refined(microphone), text_of(truth))
        _print_row(one.name, scored, [text], [ran])
        total.add(scored)
        texts.append(text)
        runs.append(ran)
    _print_row("**all**", total, texts, runs)


def _print_row(
    name: str, scored: Score, texts: Sequence[tuple[str, str, str, str]], runs: Sequence[Run]
) -> None:
    wers = [word_error_rate([(text[0], text[which]) for text in texts]) for which in (1, 2, 3)]
    seconds = sum(ran.audio_seconds for ran in runs)
    cpu = sum(ran.processor_seconds for ran in runs) / seconds
    refining = sum(ran.refining_seconds for ran in runs) / seconds
    print(
        f"| {name} | {spread(scored.first)} | {spread(scored.commit)} | {scored.flicker:.2f} | "
        + " | ".join(f"{100 * wer:.1f} %" for wer in wers)
        + f" | {cpu:.3f} | {refining:.3f} |"
    )


def _many_streams(speech: Sequence[Speech], truths: Sequence[Sequence[Word]], streams: Sequence[int]) -> None:
    print("\n| streams | " + " | ".join(SPREADS) + " | two cores busy |\n|---|---|---|---|")
    whole, truth = together(speech, truths)
    samples = whole.samples
    for count in streams:
        microphones = [
            Microphone(samples, LIVE, truth, begins=at * BETWEEN_STREAMS_SECONDS) for at in range(count)
        ]
        ran = run(by_script, microphones, cost="model")
        total = Score()
        for microphone in microphones:
            total.add(_score(microphone, truth))
        busy = ran.processor_seconds / (2 * len(samples) / SAMPLE_RATE)
        print(f"| {count} | {spread(total.first)} | {spread(total.commit)} | {100 * busy:.0f} % |")


def _score(microphone: Microphone, truth: Sequence[Word]) -> Score:
    return score(microphone.trace, microphone.session.agreement.committed, truth)


def _refined(microphone: Microphone) -> str:
    words, at = list[Word](), 0
    committed = microphone.session.agreement.committed
    for refined in microphone.refined:
        words += [*committed[at : refined.first], *refined.words]
        at = refined.stop
    return text_of([*words, *committed[at:]])


def _offline(engine: Engine, samples: Samples) -> list[Word]:
    """The words of the file road, with their times."""
    words: list[Word] = []
    for span in segment_speech([Silero().feed(np.pad(samples, (0, FRAME)))], SegmentationConfig()):
        result = engine.transcribe([Window(samples[span.start : span.stop], OFFLINE)])[0]
        offset = span.start / SAMPLE_RATE
        words += [
            Word(word.start + offset, word.end + offset, word.word, word.probability)
            for segment in result.segments
            for word in segment.words
        ]
    return words


if __name__ == "__main__":
    main()
