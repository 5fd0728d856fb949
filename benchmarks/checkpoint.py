"""CTranslate2's Whisper weights as the checkpoint that openai-whisper loads: both run on the same weights."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from whisper_appliance.engines.onnx.ct2_weights import Floats, Weights

_HEAD_SIZE = 64


def checkpoint(weights: Weights) -> dict[str, Any]:
    """`dims` and `model_state_dict` as openai-whisper's `load_model` expects them."""
    import torch

    state = {name: torch.from_numpy(value) for name, value in _state(weights)}
    return {"dims": _dimensions(weights), "model_state_dict": state}


def _dimensions(weights: Weights) -> dict[str, int]:
    width, mels, _ = weights.floats("encoder/conv1/weight").shape
    vocabulary, _ = weights.floats("decoder/embeddings/weight").shape
    sizes = {"n_mels": mels, "n_vocab": vocabulary}
    for ours, theirs in (("audio", "encoder"), ("text", "decoder")):
        sizes[f"n_{ours}_ctx"] = len(weights.floats(f"{theirs}/position_encodings/encodings"))
        sizes[f"n_{ours}_state"] = width
        sizes[f"n_{ours}_head"] = width // _HEAD_SIZE
        sizes[f"n_{ours}_layer"] = weights.layers(theirs)
    return sizes


def _state(weights: Weights) -> Iterator[tuple[str, Floats]]:
    for name in ("conv1", "conv2"):
        yield from _linear(weights, f"encoder.{name}", f"encoder/{name}")
    yield "decoder.token_embedding.weight", weights.floats("decoder/embeddings/weight")
    for side, last in (("encoder", "ln_post"), ("decoder", "ln")):
        yield f"{side}.positional_embedding", weights.floats(f"{side}/position_encodings/encodings")
        yield from _norm(weights, f"{side}.{last}", f"{side}/layer_norm")
        for at in range(weights.layers(side)):
            yield from _block(weights, f"{side}.blocks.{at}", f"{side}/layer_{at}", crossed=side == "decoder")


def _block(weights: Weights, to: str, source: str, *, crossed: bool) -> Iterator[tuple[str, Floats]]:
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


def _norm(weights: Weights, to: str, source: str) -> Iterator[tuple[str, Floats]]:
    yield f"{to}.weight", weights.floats(f"{source}/gamma")
    yield f"{to}.bias", weights.floats(f"{source}/beta")


def _linear(weights: Weights, to: str, source: str) -> Iterator[tuple[str, Floats]]:
    yield f"{to}.weight", weights.floats(f"{source}/weight")
    yield f"{to}.bias", weights.floats(f"{source}/bias")


def _fused(weights: Weights, to: str, source: str, parts: tuple[str, ...]) -> Iterator[tuple[str, Floats]]:
    """CTranslate2 keeps query, key and value in one matrix; Whisper's key has no bias."""
    matrices = np.split(weights.floats(f"{source}/weight"), len(parts))
    biases = np.split(weights.floats(f"{source}/bias"), len(parts))
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

    torch.save(checkpoint(Weights(arguments.model / "model.bin")), arguments.checkpoint)


if __name__ == "__main__":
    main()
