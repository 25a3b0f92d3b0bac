from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastnn._core.activation_names import Chosen

def set_default_threads(n: int) -> None: ...
def openmp_threads() -> int: ...
def release_threads() -> None: ...

class Plan:
    n_inputs: int
    n_outputs: int
    dtype: np.dtype[Any]
    def __init__(
        self,
        layers: Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Chosen]],
        dtype: DTypeLike,
        isa: str | None = None,
    ) -> None: ...
    def __call__(
        self, x: ArrayLike, out: np.ndarray[Any, Any] | None = None, threads: int | None = None
    ) -> np.ndarray[Any, Any]: ...
