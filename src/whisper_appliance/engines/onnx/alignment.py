"""When each token was said, from what the decoder looked at: as in openai/whisper, `timing.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.whisper import EncodedWindows, OnnxWhisper

Costs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alignment:
    """As CTranslate2 has it: pairs of (token, position of the encoder), and how likely each token was."""

    alignments: list[tuple[int, int]]
    text_token_probs: list[float]


@dataclass(frozen=True)
class EncodedWithAttention(EncodedWindows):
    """A window with what was said in it, and what the decoder looked at before each token of it.

    `looked_at` (heads, rows, positions) begins with what the decoder is told to do; `rows` are those of the
    tokens of `text`.
    """

    text: tuple[int, ...]
    probabilities: tuple[float, ...]
    rows: tuple[int, ...]
    cross_attention: Floats


def align(
    model: OnnxWhisper,
    encoded: EncodedWindows,
    start: Sequence[int],
    text: Sequence[int],
    frames: int,
    width: int,
) -> Alignment:
    """Of the tokens of a text that was heard in one window, whose first `frames` are sound.

    `start` is how the decoder is told what to do; what it looked at is smoothed over `width` positions.
    Where the text begins what was said while it was watched, the decoder is not asked again.
    """
    count = len(text)
    if isinstance(encoded, EncodedWithAttention) and encoded.text[:count] == tuple(text):
        rows = [*range(encoded.rows[0]), *encoded.rows[:count], encoded.rows[count - 1] + 1]
        path = _path(encoded.cross_attention[:, rows], slice(encoded.rows[0], None), frames, width)
        return Alignment(path, list(encoded.probabilities[:count]))
    special = model.special
    tokens = np.array([[*start, special.no_timestamps, *text, special.eot]])
    answers = model.start_decoder(encoded, beams=1, room=tokens.shape[1])
    first = len(start)
    logits, attention = answers.attention(tokens, range(first, first + count))
    likely = logits[:, : special.eot]
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    path = _path(attention[0], slice(first, -1), frames, width)
    return Alignment(path, [float(likely[at, token]) for at, token in enumerate(text)])


def _path(looked_at: Floats, said: slice, frames: int, width: int) -> list[tuple[int, int]]:
    """Of the rows `said` of what was looked at (heads, rows, positions)."""
    looked_at = looked_at[:, :, : max(frames // 2, 1)]
    looked_at = looked_at / np.maximum(looked_at.sum(axis=2, keepdims=True), 1e-9)
    deviation = np.maximum(looked_at.std(axis=1, keepdims=True), 1e-9)
    looked_at = _smoothed((looked_at - looked_at.mean(axis=1, keepdims=True)) / deviation, width)
    return dtw_path(-looked_at.mean(axis=0)[said].astype(np.float64))


def dtw_path(costs: Costs) -> list[tuple[int, int]]:
    """(row, column) from the first corner of a matrix to the last, a step right, down or both at a time.

    Raises `ValueError` where a cost is no number.
    """
    if not np.isfinite(costs).all():
        raise ValueError("What the decoder looked at is no number.")
    rows, columns = costs.shape
    totals = np.full((rows + 1, columns + 1), np.inf)
    totals[0, 0] = 0.0
    for row in range(rows):
        # To come from the left costs what lies between: with running sums, the best place to have come from
        # above is a running minimum.
        sums = np.concatenate(([0.0], np.cumsum(costs[row])))
        from_above = np.minimum(totals[row, :-1], totals[row, 1:])
        totals[row + 1, 1:] = sums[1:] + np.minimum.accumulate(from_above - sums[:-1])
    path = []
    row, column = rows, columns
    while row > 0 or column > 0:
        path.append((row - 1, column - 1))
        both = totals[row - 1, column - 1] if row and column else np.inf
        above = totals[row - 1, column] if row else np.inf
        left = totals[row, column - 1] if column else np.inf
        if both < above and both < left:
            row, column = row - 1, column - 1
        elif above < left and above < both:
            row -= 1
        else:
            column -= 1
    return path[::-1]


def _smoothed(rows: Floats, width: int) -> Floats:
    """The median over `width` neighbours in the last dimension, mirrored at its ends."""
    aside = width // 2
    if rows.shape[-1] <= aside:
        return rows
    padded = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(aside, aside)], mode="reflect")
    smoothed: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1), axis=-1)
    return smoothed
