"""A model of Marian's kind with weights set by hand, which translates word by word; CTranslate2 runs it."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece
from ctranslate2.specs import TransformerSpec

MOST_WORDS = 300
"""Positions that have an encoding: CTranslate2 decodes 256 tokens at most."""
SHARP = 30.0
"""Makes the attention to one position nearly 1."""

Matrix = npt.NDArray[np.float32]


def write_word_by_word_model(folder: Path, words: Mapping[str, str], *, adds_end: bool = True) -> None:
    """Writes a model that translates the keys of `words` to its values, each one word.

    `adds_end`: CTranslate2 ends the source, as with Marian's converter, not with that of Transformers.

    The dimensions are the target words, then the positions. The decoder attends to the source word at its own
    position, whose embedding is its target word.
    """
    folder.mkdir(parents=True)
    source = _written_pieces(folder / "source.spm", list(words))
    target = _written_pieces(folder / "target.spm", sorted(set(words.values())))
    meaning = {f"▁{word}": f"▁{other}" for word, other in words.items()}
    size, known = len(target) + MOST_WORDS, len(target)
    embeddings = np.zeros((len(source), size), np.float32)
    for row, piece in enumerate(source):
        embeddings[row, target.index(meaning.get(piece, piece))] = 1
    spec = TransformerSpec.from_config(1, 1)
    _set_nothing_but_positions(spec, size, known)
    spec.encoder.embeddings[0].weight = embeddings
    spec.decoder.embeddings.weight = np.zeros((known, size), np.float32)
    words_only = np.diag(np.arange(size) < known).astype(np.float32)
    positions_only = np.eye(size, dtype=np.float32) - words_only
    attention = spec.decoder.layer[0].attention
    _set_norm(attention.layer_norm, size)
    _set_linear(attention.linear[0], positions_only * SHARP)
    _set_linear(attention.linear[1], np.concatenate([positions_only, words_only]))
    _set_linear(attention.linear[2], words_only)
    _set_linear(spec.decoder.projection, words_only[:known])
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    spec.config.add_source_eos = adds_end
    spec.config.decoder_start_token = "</s>"
    spec.validate()
    spec.save(str(folder))


def _set_nothing_but_positions(spec: TransformerSpec, size: int, known: int) -> None:
    """Each layer passes on what it gets; positions are one-hot."""
    for part in (spec.encoder, spec.decoder):
        part.scale_embeddings = False
        part.position_encodings.encodings = np.eye(MOST_WORDS, size, known, dtype=np.float32)
        _set_norm(part.layer_norm, size)
        layer, nothing = part.layer[0], np.zeros((size, size), np.float32)
        for norm in (layer.self_attention.layer_norm, layer.ffn.layer_norm):
            _set_norm(norm, size)
        _set_linear(layer.self_attention.linear[0], np.concatenate([nothing] * 3))
        for linear in (layer.self_attention.linear[1], layer.ffn.linear_0, layer.ffn.linear_1):
            _set_linear(linear, nothing)


def _set_norm(norm: object, size: int) -> None:
    norm.gamma, norm.beta = np.ones(size, np.float32), np.zeros(size, np.float32)  # type: ignore[attr-defined]


def _set_linear(linear: object, weight: Matrix) -> None:
    linear.weight, linear.bias = weight.copy(), np.zeros(len(weight), np.float32)  # type: ignore[attr-defined]


def _written_pieces(path: Path, words: list[str]) -> list[str]:
    """Writes a SentencePiece model of whole words; returns its pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words)]),
        model_writer=model,
        model_type="word",
        vocab_size=len(words) + 3,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [found.id_to_piece(number) for number in range(found.get_piece_size())]
