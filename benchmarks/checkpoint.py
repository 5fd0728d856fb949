"""CTranslate2's Whisper weights as the checkpoint that openai-whisper loads: both run on the same weights.

The layout of `model.bin` is the one of ctranslate2/specs/model_spec.py (`ModelSpec._serialize`).
"""

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[Any]]

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_HEAD_SIZE = 64


def read_weights(path: Path) -> Weights:
    """All variables of a `model.bin` by name."""
    with path.open("rb") as file:
        _number(file, "<I")
        _name(file)
        _number(file, "<I")
        return dict(_variable(file) for _ in range(_number(file, "<I")))


def _number(file: BinaryIO, kind: str) -> int:
    (number,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    return int(number)


def _name(file: BinaryIO) -> str:
    return file.read(_number(file, "<H")).rstrip(b"\0").decode()


def _variable(file: BinaryIO) -> tuple[str, npt.NDArray[Any]]:
    name = _name(file)
    shape = [_number(file, "<I") for _ in range(_number(file, "<B"))]
    kind = _TYPES[_number(file, "<B")]
    return name, np.frombuffer(file.read(_number(file, "<I")), kind).reshape(shape)


def checkpoint(weights: Weights) -> dict[str, Any]:
    """`dims` and `model_state_dict` as openai-whisper's `load_model` expects them."""
    import torch

    if weights["encoder/conv1/weight"].dtype not in (np.float16, np.float32):
        raise ValueError("Quantized weights cannot be turned back; take float16 or float32.")
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in _state(weights)}
    return {"dims": _dimensions(weights), "model_state_dict": state}


def _dimensions(weights: Weights) -> dict[str, int]:
    width, mels, _ = weights["encoder/conv1/weight"].shape
    vocabulary, _ = weights["decoder/embeddings/weight"].shape
    sizes = {"n_mels": mels, "n_vocab": vocabulary}
    for ours, theirs in (("audio", "encoder"), ("text", "decoder")):
        sizes[f"n_{ours}_ctx"] = len(weights[f"{theirs}/position_encodings/encodings"])
        sizes[f"n_{ours}_state"] = width
        sizes[f"n_{ours}_head"] = width // _HEAD_SIZE
        sizes[f"n_{ours}_layer"] = _layers(weights, theirs)
    return sizes


def _layers(weights: Weights, side: str) -> int:
    return sum(name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/bias") for name in weights)


def _state(weights: Weights) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name in ("conv1", "conv2"):
        yield from _linear(weights, f"encoder.{name}", f"encoder/{name}")
    yield "decoder.token_embedding.weight", weights["decoder/embeddings/weight"]
    for side, last in (("encoder", "ln_post"), ("decoder", "ln")):
        yield f"{side}.positional_embedding", weights[f"{side}/position_encodings/encodings"]
        yield from _norm(weights, f"{side}.{last}", f"{side}/layer_norm")
        for at in range(_layers(weights, side)):
            yield from _block(weights, f"{side}.blocks.{at}", f"{side}/layer_{at}", crossed=side == "decoder")


def _block(
    weights: Weights, to: str, source: str, *, crossed: bool
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    yield from _norm(weights, f"{to}.attn_ln", f"{source}/self_attention/layer_norm")
    yield from _fused(weights, f"{to}.attn", f"{source}/self_attention/linear_0", ("query", "key", "value"))
    yield from _linear(weights, f"{to}.attn.out", f"{source}/self_attention/linear_1")
    if crossed:
        yield from _norm(weights, f"{to}.cross_attn_ln", f"{source}/attention/layer_norm")
        yield from _linear(weights, f"{to}.cross_attn.query", f"{source}/attention/linear_0")
        yield from _fused(weights, f"{to}.cross_attn", f"{source}/attention/linear_1", ("key", "value"))
        yield from _linear(weights, f"{to}.cross_attn.out", f"{source}/attention/linear_2")
    yield from _norm(weights, f"{to}.mlp_ln", f"{source}/ffn/layer_norm")
    yield from _linear(weights, f"{to}.mlp.0", f"{source}/ffn/linear_0")
    yield from _linear(weights, f"{to}.mlp.2", f"{source}/ffn/linear_1")


def _norm(weights: Weights, to: str, source: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    yield f"{to}.weight", weights[f"{source}/gamma"]
    yield f"{to}.bias", weights[f"{source}/beta"]


def _linear(weights: Weights, to: str, source: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    yield f"{to}.weight", weights[f"{source}/weight"]
    yield f"{to}.bias", weights[f"{source}/bias"]


def _fused(
    weights: Weights, to: str, source: str, parts: tuple[str, ...]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """CTranslate2 keeps query, key and value in one matrix; Whisper's key has no bias."""
    matrices = np.split(weights[f"{source}/weight"], len(parts))
    biases = np.split(weights[f"{source}/bias"], len(parts))
    for part, matrix, bias in zip(parts, matrices, biases, strict=True):
        yield f"{to}.{part}.weight", matrix
        if part != "key":
            yield f"{to}.{part}.bias", bias


def main() -> None:
    """Writes the checkpoint of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of a CTranslate2 Whisper model")
    parser.add_argument("checkpoint", type=Path, help="the .pt file to write")
    arguments = parser.parse_args()

    import torch

    torch.save(checkpoint(read_weights(arguments.model / "model.bin")), arguments.checkpoint)


if __name__ == "__main__":
    main()
