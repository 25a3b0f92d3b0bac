"""The loss of a classifier's predictions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn._core.dispatch import StandardMode


def cross_entropy(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Mean cross-entropy, -log(p) with p the probability given to the correct class.

    A probability of 0 gives inf, a negative one or NaN gives NaN; neither warns.

    Parameters
    ----------
    probabilities : array_like of real numbers, shape (m,) or (B, m)
        Probabilities of m classes, as `softmax` returns them: of one example or of a batch.
    targets : array_like of integers, shape () or (B,)
        Index of the correct class, from 0 to m - 1, of each example.

    Returns
    -------
    float
        The loss, averaged over the batch, computed in float64.

    Raises
    ------
    TypeError
        If `probabilities` are not real numbers or `targets` not integers.
    ValueError
        If the shapes do not fit, an index is out of range, or there is nothing to average.

    Examples
    --------
    >>> round(cross_entropy([0.53743, 0.46257], 0), 4)
    0.621
    >>> round(cross_entropy([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    p = np.asarray(probabilities)
    if p.dtype.kind not in "iuf":
        raise TypeError(f"probabilities has dtype {p.dtype}, but real numbers are expected")
    if p.ndim not in (1, 2):
        raise ValueError(f"probabilities has shape {p.shape}, but (m,) or (B, m) is expected")
    if p.size == 0:
        raise ValueError(f"probabilities has shape {p.shape}, but must not be empty")

    index = _class_indices(targets, p.shape)
    with np.errstate(all="ignore"), StandardMode():
        picked = np.take_along_axis(p, index[..., np.newaxis], axis=-1).astype(np.float64)
        return 0.0 - float(np.log(picked).mean())  # a plain minus would make a loss of 0 -0.0


def _class_indices(targets: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return `targets` as indices into the last axis of an array of this shape, or raise."""
    index = np.asarray(targets)
    if index.dtype.kind not in "iu" and index.size > 0:  # an empty list has no dtype of its own
        raise TypeError(f"targets has dtype {index.dtype}, but integers are expected")
    *batch, classes = shape
    if index.shape != tuple(batch):
        raise ValueError(
            f"targets has shape {index.shape}, but probabilities of shape {shape} expect {tuple(batch)}"
        )
    wrong = np.flatnonzero((index < 0) | (index >= classes))
    if wrong.size > 0:
        where = f"targets[{wrong[0]}]" if batch else "targets"
        raise ValueError(f"{where} is {index.flat[wrong[0]]}, but there are {classes} classes")
    return index.astype(np.intp)
