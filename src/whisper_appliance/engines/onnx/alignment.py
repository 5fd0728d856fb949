"""Token alignment by dynamic time warping (DTW) over cross-attention, as in openai/whisper, `timing.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whisper_appliance.engines.onnx.ct2_weights import Floats
from whisper_appliance.engines.onnx.whisper import EncodedWindows, OnnxWhisper
from whisper_appliance.engines.whisper.word_timestamps import Alignment

MEDIAN_FILTER_WIDTH = 7

Costs = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EncodedWithAttention(EncodedWindows):
    """One encoded window with the cross-attention that was recorded while its text was decoded.

    `cross_attention` (heads, rows, positions) begins with the tokens of language and task; `rows` are those
    of the tokens of `text`.
    """

    text: tuple[int, ...]
    probabilities: tuple[float, ...]
    rows: tuple[int, ...]
    cross_attention: Floats


def align(
    model: OnnxWhisper, encoded: EncodedWindows, start: Sequence[int], text: Sequence[int], frames: int
) -> Alignment:
    """Aligns the tokens of a text with one window, of which the first `frames` are no padding.

    `start` are the tokens of language and task. If attention was recorded during decoding and `text` is a
    prefix of that output, it is reused; otherwise the decoder runs once more.
    """
    count = len(text)
    if isinstance(encoded, EncodedWithAttention) and encoded.text[:count] == tuple(text):
        rows = [*range(encoded.rows[0]), *encoded.rows[:count], encoded.rows[count - 1] + 1]
        path = _path(encoded.cross_attention[:, rows], slice(encoded.rows[0], None), frames)
        return Alignment(path, list(encoded.probabilities[:count]))
    special = model.special
    tokens = np.array([[*start, special.no_timestamps, *text, special.eot]])
    session = model.start_decoder(encoded, beams=1, max_tokens=tokens.shape[1])
    first = len(start)
    logits, attention = session.attention(tokens, range(first, first + count))
    logits = logits[:, : special.eot]
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    path = _path(attention[0], slice(first, -1), frames)
    return Alignment(path, [float(probabilities[row, token]) for row, token in enumerate(text)])


def _path(attention: Floats, text: slice, frames: int) -> list[tuple[int, int]]:
    """The DTW path of the rows `text` of the attention (heads, rows, positions)."""
    attention = attention[:, :, : max(frames // 2, 1)]
    attention = attention / np.maximum(attention.sum(axis=2, keepdims=True), 1e-9)
    deviation = np.maximum(attention.std(axis=1, keepdims=True), 1e-9)
    attention = _median_filter((attention - attention.mean(axis=1, keepdims=True)) / deviation)
    return dtw_path(-attention.mean(axis=0)[text].astype(np.float64))


def dtw_path(costs: Costs) -> list[tuple[int, int]]:
    """The cheapest (row, column) path from the first corner to the last; steps go right, down or diagonally.

    Raises `ValueError` if a cost is not finite.
    """
    if not np.isfinite(costs).all():
        raise ValueError("The decoder's attention is not finite.")
    totals = _accumulated(costs)
    path = []
    row, column = costs.shape
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


def _accumulated(costs: Costs) -> Costs:
    rows, columns = costs.shape
    totals = np.full((rows + 1, columns + 1), np.inf)
    totals[0, 0] = 0.0
    for row in range(rows):
        # Steps to the right add the costs between, so with running sums the best column to have come down
        # in is a running minimum: one numpy call a row instead of a loop over columns.
        sums = np.concatenate(([0.0], np.cumsum(costs[row])))
        from_above = np.minimum(totals[row, :-1], totals[row, 1:])
        totals[row + 1, 1:] = sums[1:] + np.minimum.accumulate(from_above - sums[:-1])
    return totals


def _median_filter(rows: Floats) -> Floats:
    """The median over neighbours in the last dimension, mirrored at its ends."""
    width, aside = MEDIAN_FILTER_WIDTH, MEDIAN_FILTER_WIDTH // 2
    if rows.shape[-1] <= aside:
        return rows
    padded = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(aside, aside)], mode="reflect")
    smoothed: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1), axis=-1)
    return smoothed
