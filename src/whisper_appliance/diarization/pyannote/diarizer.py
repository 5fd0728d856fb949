"""Turns of speakers: those of each window, a voice embedding of each, clusters of these embeddings.

As Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", 2023, with
fewer windows, embeddings of the frames of their speaker only, and clusters by the mean distance.
"""

from itertools import permutations

import numpy as np
import numpy.typing as npt

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.diarization.contract import Diarization, DiarizerSpec, Turn
from whisper_appliance.diarization.pyannote.clustering import Array, cluster, similarities
from whisper_appliance.diarization.pyannote.fbank import fbank
from whisper_appliance.diarization.pyannote.weights import load_weights

WINDOW_SECONDS, STEP_SECONDS = 10.0, 5.0
WINDOW_SAMPLES = round(WINDOW_SECONDS * SAMPLE_RATE)
FRAME_SECONDS = 0.016875
LEAST_FRAMES = 20
"""Feature frames (10 ms) of a speaker in a window without which there is no embedding."""
LEAST_ALONE = 0.2
"""Share of a window in which a speaker of a clustered embedding speaks alone."""
MAX_CLUSTERED = 2000
"""Of longer recordings, those of the longest speech are clustered; memory grows by the square."""
THREADS = 1
"""Other work gets the other cores."""

Activity = npt.NDArray[np.bool_]


class PyannoteDiarizer:
    """See `diarization.contract.Diarizer`."""

    window_seconds = WINDOW_SECONDS
    step_seconds = STEP_SECONDS

    def __init__(self, spec: DiarizerSpec) -> None:
        """Loads the models. Raises `ModelUnavailable`."""
        import onnxruntime

        weights = load_weights(spec.model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        try:
            self._segmentation, self._embedding = (
                onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
                for model in (weights.segmentation, weights.embedding)
            )
        except Exception as error:  # ONNX Runtime has no narrower common class
            raise ModelUnavailable(
                "The model of speakers could not be loaded: {error}", error=error
            ) from error
        self._activities: list[Activity] = []
        self._embeddings: list[Array] = []
        self._seconds = 0.0

    def feed(self, window: Samples) -> None:
        """See `diarization.contract.Diarizer`."""
        self._seconds = len(self._activities) * STEP_SECONDS + len(window) / SAMPLE_RATE
        padded = np.pad(window, (0, WINDOW_SAMPLES - len(window))).astype(np.float32)
        activity = self._segmentation.run(None, {"waveforms": padded[None, None]})[0][0] > 0.5
        self._activities.append(activity)
        self._embeddings.append(self._voices(padded, activity))

    def finish(self, speakers: int | None) -> Diarization:
        """See `diarization.contract.Diarizer`."""
        if not self._activities:
            return Diarization(())
        activities, embeddings = np.stack(self._activities), np.stack(self._embeddings)
        embedded = ~np.isnan(embeddings[..., 0])
        if not embedded.any():
            return Diarization(())
        alone = (activities & (activities.sum(axis=2, keepdims=True) == 1)).mean(axis=1)
        clear = embedded & (alone >= LEAST_ALONE)
        chosen = np.flatnonzero(clear if clear.any() else embedded)
        chosen = chosen[np.argsort(-alone.flat[chosen], kind="stable")][:MAX_CLUSTERED]
        centroids = cluster(embeddings.reshape(-1, embeddings.shape[-1])[np.sort(chosen)], speakers)
        labels = _assigned(embeddings, embedded, centroids)
        return _turns(_frames(activities, labels, len(centroids)), centroids, self._seconds)

    def _voices(self, window: Samples, activity: Activity) -> Array:
        """An embedding for each local speaker, shape (3, 256); NaN for one who says too little."""
        features = fbank(window)
        at = np.minimum(np.arange(len(features)) * 0.01 / FRAME_SECONDS, len(activity) - 1).astype(int)
        alone = activity & (activity.sum(axis=1, keepdims=True) == 1)
        voices = np.full((activity.shape[1], 256), np.nan)
        for speaker in range(activity.shape[1]):
            own = alone[at, speaker]
            if own.sum() < LEAST_FRAMES:
                own = activity[at, speaker]
            if own.sum() >= LEAST_FRAMES:
                spoken = features[own] - features[own].mean(axis=0)  # silence would shift the mean
                inputs = {"fbank": spoken[None], "weights": np.ones((1, own.sum()), np.float32)}
                voices[speaker] = self._embedding.run(None, inputs)[0][0]
        return voices


def _assigned(embeddings: Array, embedded: Activity, centroids: Array) -> npt.NDArray[np.int64]:
    """The speaker of each local speaker, -1 for none; local speakers of one window are different ones."""
    labels = np.full(embedded.shape, -1)
    for window, (voices, there) in enumerate(zip(embeddings, embedded, strict=True)):
        local = np.flatnonzero(there)
        if not len(local):
            continue
        near = similarities(voices[local], centroids)
        if len(local) > len(centroids):
            labels[window, local] = near.argmax(axis=1)
            continue
        rows = np.arange(len(local))
        best = max(permutations(range(len(centroids)), len(local)), key=lambda order: near[rows, order].sum())
        labels[window, local] = best
    return labels


def _frames(activities: Activity, labels: npt.NDArray[np.int64], speakers: int) -> Activity:
    """Who speaks in each frame of the recording, shape (frames, speakers).

    Windows overlap: as many speakers speak as they say on average, and those that most of them name.
    """
    starts = [round(index * STEP_SECONDS / FRAME_SECONDS) for index in range(len(activities))]
    length = activities.shape[1]
    votes = np.zeros((starts[-1] + length, speakers))
    count, windows = np.zeros(len(votes)), np.zeros(len(votes))
    for start, activity, owners in zip(starts, activities, labels, strict=True):
        part = slice(start, start + length)
        for local, speaker in enumerate(owners):
            if speaker >= 0:
                votes[part, speaker] += activity[:, local]
        count[part] += activity.sum(axis=1)
        windows[part] += 1
    wanted = np.rint(count / windows)
    rank = (-votes).argsort(axis=1, kind="stable").argsort(axis=1)
    return np.asarray((rank < wanted[:, None]) & (votes > 0))


def _turns(frames: Activity, centroids: Array, seconds: float) -> Diarization:
    heard = [(int(frames[:, one].argmax()), one) for one in range(frames.shape[1]) if frames[:, one].any()]
    turns = []
    for number, (_, speaker) in enumerate(sorted(heard)):
        edges = np.flatnonzero(np.diff(frames[:, speaker].astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2) * FRAME_SECONDS:
            if start < seconds:
                turns.append(Turn(round(start, 3), round(min(stop, seconds), 3), number))
    embeddings = tuple(tuple(centroids[speaker].tolist()) for _, speaker in sorted(heard))
    return Diarization(tuple(sorted(turns, key=lambda turn: (turn.start, turn.speaker))), embeddings)
