"""Whisper on ONNX Runtime: a real model next to CTranslate2's own hearing of it."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import samples_of
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import BatchRule, EngineSpec, Options, Window
from whisper_appliance.engines.faster_whisper.engine import FasterWhisperEngine
from whisper_appliance.engines.onnx import graph as onnx_graph
from whisper_appliance.engines.onnx.ct2_weights import Weights
from whisper_appliance.engines.onnx.engine import OnnxEngine
from whisper_appliance.engines.onnx.graph import Graph
from whisper_appliance.engines.onnx.model import OnnxModel
from whisper_appliance.engines.registry import load_engine
from whisper_appliance.engines.whisper.decoder_api import DecodeRequest, DecodeResult
from whisper_appliance.models.store import ModelStore
from whisper_appliance.transcription.merging import confidence

pytestmark = pytest.mark.slow  # decodes with a real model


@pytest.fixture(scope="module")
def model(tiny_en: Path) -> OnnxModel:
    return OnnxModel(tiny_en)


def answer(
    model: OnnxModel,
    *heard: Samples,
    beam_size: int = 1,
    temperatures: tuple[float, ...] = (),
    seed: int = 0,
    batch: BatchRule = "free",
    known: str = "",
    new_tokens: int = 100,
) -> list[DecodeResult]:
    tokenizer = model.tokenizer("en", "transcribe")
    prompt = model.prompt(tokenizer, Options(), ())
    begun = tuple(tokenizer.encode(" " + known)) if known else ()
    encoded = [model.encode(one, len(one) / 16_000 + 3) for one in heard]
    return model.decode(
        [
            DecodeRequest(
                one, prompt, tokenizer, new_tokens, beam_size, temperatures, begun, batch=batch, seed=seed
            )
            for one in encoded
        ]
    )


def plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")


def words(model: OnnxModel, decoding: DecodeResult) -> str:
    return str(model.tokenizer("en", "transcribe").decode(decoding.tokens)).strip()


@pytest.mark.parametrize("beam_size", [1, 5])
def test_a_window_is_decoded_as_by_ctranslate2(tiny_en: Path, beckett: Path, beam_size: int) -> None:
    window = Window(samples_of(beckett), Options(language="en", beam_size=beam_size, word_timestamps=True))
    theirs, ours = (
        load(EngineSpec("auto", "tiny.en", tiny_en, "cpu", compute_type="float32")).transcribe([window])[0]
        for load in (FasterWhisperEngine, OnnxEngine)
    )
    assert plain(ours.text) == plain(theirs.text)
    assert confidence(ours) == pytest.approx(confidence(theirs), abs=0.1)
    for our, their in zip(ours.segments, theirs.segments, strict=True):
        assert (our.start, our.end) == pytest.approx((their.start, their.end), abs=0.3)
        assert our.no_speech_prob == pytest.approx(their.no_speech_prob, abs=0.05)
        assert [plain(word.word) for word in our.words] == [plain(word.word) for word in their.words]
        for word, same in zip(our.words, their.words, strict=True):
            assert (word.start, word.end) == pytest.approx((same.start, same.end), abs=0.3)


def test_batched_windows_are_decoded_as_each_alone(model: OnnxModel, cities: Path) -> None:
    windows = [samples_of(cities, 8.0 * n, 8.0 * n + length) for n, length in enumerate((8.0, 2.0, 8.0, 5.0))]
    padded = [np.pad(one, (0, 8 * 16_000 - len(one))) for one in windows]
    for beam_size in (1, 3):
        together = answer(model, *padded, beam_size=beam_size, batch="even")
        alone = [answer(model, one, beam_size=beam_size, batch="even")[0] for one in padded]
        # Which of two marks nearly as likely is written depends on how a processor sums.
        assert [plain(words(model, one)) for one in together] == [plain(words(model, one)) for one in alone]
        assert [one.avg_logprob for one in together] == pytest.approx(
            [one.avg_logprob for one in alone], abs=0.05
        )
        assert len({len(one.tokens) for one in together}) > 1  # some end while others go on


def test_an_even_batch_of_any_windows_gives_each_the_same_result(model: OnnxModel, cities: Path) -> None:
    windows = [samples_of(cities, 8.0 * n, 8.0 * n + length) for n, length in enumerate((8.0, 2.0, 7.3, 5.0))]
    first = answer(model, windows[0], batch="even")[0]
    for others in (windows[1:2], windows[1:3], windows[1:], windows[3:]):
        again = answer(model, windows[0], *others, batch="even")[0]
        assert (again.tokens, again.avg_logprob) == (first.tokens, first.avg_logprob)


def test_beams_find_nothing_less_likely(model: OnnxModel, cities: Path) -> None:
    heard = samples_of(cities, 0.0, 12.0)
    (one,), (five,) = (answer(model, heard, beam_size=size) for size in (1, 5))
    assert five.avg_logprob >= one.avg_logprob - 0.02


def test_each_seed_draws_an_answer_of_its_own_every_time(model: OnnxModel, cities: Path) -> None:
    heard = samples_of(cities, 0.0, 12.0)
    drawn = {tuple(answer(model, heard, temperatures=(1.0,), seed=seed)[0].tokens) for seed in range(3)}
    assert len(drawn) > 1
    assert {
        tuple(answer(model, heard, temperatures=(1.0,), seed=seed)[0].tokens) for seed in range(3)
    } == drawn
    begin = model.tokenizer("en", "transcribe").timestamp_begin
    for tokens in drawn:
        times = [token for token in tokens if token >= begin]
        assert times == sorted(times)


def test_a_result_begins_with_the_prefix(model: OnnxModel, beckett: Path) -> None:
    (heard,) = answer(model, samples_of(beckett, 0.0, 6.0), known="Ever tried. Ever")
    assert words(model, heard).lower().startswith("ever tried. ever failed")


def test_a_result_has_no_more_tokens_than_max_tokens(model: OnnxModel, cities: Path) -> None:
    (heard,) = answer(model, samples_of(cities), new_tokens=7)
    assert 1 < len(heard.tokens) <= 8


@pytest.mark.parametrize("known", ["", "ever tried " * 90])
def test_a_long_past_leaves_room_for_the_answer(model: OnnxModel, beckett: Path, known: str) -> None:
    tokenizer = model.tokenizer("en", "transcribe")
    prompt = [tokenizer.sot_prev, *tokenizer.encode(" no matter" * 300)[:460], *tokenizer.sot_sequence]
    encoded = model.encode(samples_of(beckett), 13.0)
    (heard,) = model.decode(
        [DecodeRequest(encoded, prompt, tokenizer, 224, 1, (), tuple(tokenizer.encode(known)))]
    )
    assert len(heard.tokens) > len(tokenizer.encode(known))
    assert 0 <= heard.no_speech_prob < 0.5


def test_silence_has_a_higher_no_speech_probability_than_speech(model: OnnxModel, beckett: Path) -> None:
    (silence,) = answer(model, np.zeros(5 * 16_000, np.float32))
    (speech,) = answer(model, samples_of(beckett))
    assert speech.no_speech_prob < 0.3 < silence.no_speech_prob


def test_the_language_is_found(tmp_path: Path, beckett: Path) -> None:
    base = ModelStore(tmp_path, downloads_allowed=False).locate("base")
    assert base
    multilingual = OnnxModel(base)
    assert multilingual.multilingual
    encoded = multilingual.encode(samples_of(beckett), 13.0)
    (probabilities,) = multilingual.language_probabilities(encoded)
    assert max(probabilities, key=probabilities.__getitem__) == "en"
    assert 0.8 < probabilities["en"] <= 1.0
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=0.001)
    whole, *parts = multilingual.language_probabilities(encoded, [(0.0, 5.0), (5.0, 10.0)])
    assert whole["en"] == pytest.approx(probabilities["en"], abs=0.01)
    assert all(0.5 < part["en"] != whole["en"] for part in parts)


def test_ctranslate2_finds_the_language_of_parts_too(tmp_path: Path, beckett: Path) -> None:
    base = ModelStore(tmp_path, downloads_allowed=False).locate("base")
    assert base
    speech = samples_of(beckett)
    window = Window(speech, Options(quality="fast", languages=("en", "de")))
    (result,) = FasterWhisperEngine(EngineSpec("faster-whisper", "base", base)).transcribe([window])
    assert len(speech) / 16_000 > 8
    assert (result.language, result.may_be_mixed) == ("en", False)


@pytest.mark.parametrize(
    ("saturating", "few_rows", "width"),
    [(True, False, 256), (False, False, 256), (True, True, 256), (True, True, 200)],
)
def test_a_product_of_small_integers_is_close_to_the_true_one(
    monkeypatch: pytest.MonkeyPatch, saturating: bool, few_rows: bool, width: int
) -> None:
    flags = {"avx2"} if saturating else {"avx2", "avx_vnni"}
    if not saturating and not onnx_graph._cpu_flags() & {"avx_vnni", "avx512_vnni"}:
        pytest.skip("this processor adds up in 16 bits")
    onnx_graph.max_quantized_weight.cache_clear()
    monkeypatch.setattr(onnx_graph, "_cpu_flags", lambda: flags)
    try:
        chance = np.random.default_rng(1)
        weights, bias = chance.normal(size=(96, width)).astype(np.float32), np.ones(96, np.float32)
        x = chance.normal(size=(5, width)).astype(np.float32)
        x *= np.array([[1.0], [100], [1e-3], [0], [5]], np.float32)
        x[0] = 3.0 * np.sign(weights[0])  # as large as sums become
        graph = Graph(few_rows)
        given = graph.input("x", np.float32, "rows", width)
        graph.output("y", graph.linear(given, "weights", (96, width), weights.copy().__getitem__, bias))
        (y,) = graph.session().run(["y"], {"x": x})
    finally:
        onnx_graph.max_quantized_weight.cache_clear()
    true = x @ weights.T + bias
    assert (np.abs(y - true).max(axis=1) <= 0.03 * np.abs(true).max(axis=1)).all()


def written(path: Path, *variables: tuple[str, int, np.ndarray]) -> Path:
    """A `model.bin`: (name, CTranslate2's number for the type, values)."""

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    content = struct.pack("<I", 6) + name("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for text, kind, values in variables:
        content += name(text) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        content += struct.pack("<BI", kind, values.nbytes) + values.tobytes()
    path.write_bytes(content + struct.pack("<I", 1) + name("alias") + name(variables[0][0]))
    return path


def test_weights_of_every_kind_are_read(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0], [0.25, 8.0]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    scale = np.array([2.0, 4.0], np.float32)
    path = written(
        tmp_path / "model.bin",
        ("a", 0, values),
        ("b", 4, values.astype(np.float16)),
        ("c", 5, halves),
        ("d", 1, (values * scale[:, None]).astype(np.int8)),
        ("d_scale", 0, scale),
        ("n", 2, np.array(7, np.int16)),
    )
    weights = Weights(path)
    for name in ("a", "b", "c", "alias"):
        assert (weights.floats(name) == values).all()
    assert (weights.floats("d") == [[1.5, -2.0], [0.25, 8.0]]).all()
    assert weights.number("n") == 7
    with pytest.raises(ValueError, match="no e"):
        weights.raw("e")


CUT_OFF = b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0\xff\0\0\0"


@pytest.mark.parametrize("content", [b"", b"RIFF1234WAVEfmt " * 9, CUT_OFF])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ValueError, match=r"model|empty"):
        Weights(tmp_path / "model.bin")


def test_the_engine_is_the_quickest_that_can_read_the_model(tiny_en: Path, tmp_path: Path) -> None:
    def name(folder: Path, **wishes: str) -> str:
        return load_engine(EngineSpec("auto", "tiny.en", folder, "cpu", **wishes)).name  # type: ignore[arg-type]

    assert name(tiny_en) == name(tiny_en, compute_type="int8") == "onnxruntime"
    assert name(tiny_en, compute_type="float32") == "faster-whisper"
    odd = tmp_path / "odd"
    shutil.copytree(tiny_en, odd)
    content = (tiny_en / "model.bin").read_bytes()
    at = content.index(b"decoder/activation\0") + len(b"decoder/activation\0")
    (odd / "model.bin").write_bytes(content[: at + 6] + b"\0" + content[at + 7 :])  # ReLU
    assert name(odd) == "faster-whisper"
    with pytest.raises(ModelUnavailable, match="activation"):
        load_engine(EngineSpec("onnxruntime", "odd", odd, "cpu"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", None),
        ("tokenizer.json", "{}"),
        ("config.json", "[]"),
        ("config.json", '{"alignment_heads": [5, 6]}'),
        ("model.bin", "nothing"),
    ],
)
def test_a_broken_model_is_not_available(
    tiny_en: Path, tmp_path: Path, file: str, content: str | None
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_en, broken)
    (broken / file).unlink()
    if content is not None:
        (broken / file).write_text(content)
    with pytest.raises(ModelUnavailable, match="broken"):
        load_engine(EngineSpec("onnxruntime", "broken", broken, "cpu"))


def test_heads_that_the_model_does_not_have_are_passed_over(
    tiny_en: Path, tmp_path: Path, beckett: Path
) -> None:
    made_from_another = tmp_path / "made"
    shutil.copytree(tiny_en, made_from_another)
    (made_from_another / "config.json").write_text('{"alignment_heads": [[10, 1], [3, 99]]}')
    window = Window(samples_of(beckett), Options(language="en", word_timestamps=True))
    (heard,) = OnnxEngine(EngineSpec("auto", "made", made_from_another, "cpu")).transcribe([window])
    assert all(segment.words for segment in heard.segments)


def test_options_that_this_engine_ignores_are_reported(tiny_en: Path) -> None:
    engine = load_engine(EngineSpec("onnxruntime", "tiny.en", tiny_en, "cuda", compute_type="float32"))
    assert (engine.device, engine.compute_type, len(engine.warnings)) == ("cpu", "int8", 2)
