"""Clusters voice embeddings into speakers: agglomerative clustering (Lance and Williams, 1967)."""

import math

import numpy as np
import numpy.typing as npt

SAME_SPEAKER = 0.5
"""Mean cosine of the embeddings of two clusters below which they are two speakers."""

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def cluster(embeddings: Array, speakers: int | None) -> Array:
    """The centroids of the speakers, shape (speakers, size), from embeddings, shape (n, size).

    A number of speakers that is known is reached by Ward's method, which joins outliers to others at last.
    """
    units = _unit(embeddings)
    if speakers is None:
        labels = agglomerate(units, ward=False, farthest=2 - 2 * SAME_SPEAKER)
    else:
        labels = agglomerate(units, ward=True, count=min(speakers, len(units)))
    return np.stack([units[labels == label].mean(axis=0) for label in range(labels.max() + 1)])


def agglomerate(units: Array, *, ward: bool, count: int = 1, farthest: float = math.inf) -> Labels:
    """Joins the nearest two clusters until there are `count`, or none is nearer than `farthest`.

    Distances are squares of those of unit vectors: their mean between two clusters, or Ward's.
    """
    everything = np.arange(len(units))
    sizes, labels = np.ones(len(units)), everything.copy()
    distances = np.maximum(0, 2 - 2 * units @ units.T)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    for _ in range(len(units) - count):
        a = int(distances[everything, nearest].argmin())
        b = int(nearest[a])
        if not distances[a, b] <= farthest:
            break
        distances[a] = distances[:, a] = _joined(distances, sizes, a, b, ward=ward)
        distances[b] = distances[:, b] = np.inf
        sizes[a], sizes[b] = sizes[a] + sizes[b], 0
        labels[labels == b] = a
        stale = (nearest == a) | (nearest == b)
        stale[[a, b]] = True
        nearest[stale] = distances[stale].argmin(axis=1)
        nearer = distances[:, a] < distances[everything, nearest]
        nearest[nearer] = a
    return np.unique(labels, return_inverse=True)[1]


def similarities(embeddings: Array, centroids: Array) -> Array:
    """Cosines, shape (n, speakers)."""
    return np.asarray(_unit(embeddings) @ _unit(centroids).T)


def _joined(distances: Array, sizes: Array, a: int, b: int, *, ward: bool) -> Array:
    """The distances of all clusters from the join of `a` and `b`."""
    n_a, n_b = sizes[a], sizes[b]
    if ward:
        joined = (n_a + sizes) * distances[a] + (n_b + sizes) * distances[b] - sizes * distances[a, b]
        joined /= n_a + n_b + sizes
    else:
        joined = (n_a * distances[a] + n_b * distances[b]) / (n_a + n_b)
    joined[[a, b]] = np.inf
    return np.asarray(joined)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
