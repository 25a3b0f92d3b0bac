"""One neuron and one layer of neurons."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastnn import activations
from fastnn._core.activation_names import Chosen, parse
from fastnn._core.checks import real_array, wrong_type
from fastnn._core.dispatch import StandardMode
from fastnn._core.engine import Plan

Array = np.ndarray[Any, Any]


class Dense:
    """A dense layer, activation(X @ weight.T + bias).

    Parameters
    ----------
    weight : array_like, shape (n_outputs, n_inputs)
        Real numbers, a row for each neuron, as in ``torch.nn.Linear``.
    bias : array_like, shape (n_outputs,), optional
        Real numbers; without it, 0.
    activation : str, default "identity"
        One of `fastnn.activations.NAMES`; parameters may follow in brackets: ``"leaky_relu(0.2)"``.

    Raises
    ------
    TypeError
        If weight or bias holds no real numbers, or activation is no name.
    ValueError
        If their shapes don't fit, or there is no such activation.

    Notes
    -----
    The layer keeps copies, float64 if either is float64 (or wider), else float32. It can't be changed.

    Examples
    --------
    >>> import fastnn
    >>> layer = fastnn.Dense([[0.5, -0.2, 0.1], [-0.3, 0.4, 0.7]], [0.1, -0.2], "relu")
    >>> layer([1.0, 2.0, -1.0]).round(6)
    array([0.1, 0. ])
    """

    def __init__(
        self, weight: ArrayLike, bias: ArrayLike | None = None, activation: str = "identity"
    ) -> None:
        if hasattr(self, "_weight"):
            raise RuntimeError("a layer is built once")
        w = real_array("weight", weight)
        if w.ndim != 2:
            raise ValueError(f"weight has shape {w.shape}, expected (n_outputs, n_inputs)")
        b = None if bias is None else real_array("bias", bias)
        if b is not None and b.shape != w.shape[:1]:
            raise ValueError(f"bias has shape {b.shape}, but weight {w.shape} expects {w.shape[:1]}")
        self._activation = activations.check_name(activation)
        dtype = parameter_dtype(w, b)
        self._weight = frozen(w, dtype)
        self._bias = None if b is None else frozen(b, dtype)

    @property
    def weight(self) -> Array:
        """The weights, (n_outputs, n_inputs), read-only."""
        return handed_out(self._weight)

    @property
    def bias(self) -> Array | None:
        """The biases, (n_outputs,), read-only, or None."""
        return None if self._bias is None else handed_out(self._bias)

    @property
    def activation(self) -> str:
        """The activation's name."""
        return self._activation

    @property
    def n_inputs(self) -> int:
        """How many features an example has."""
        return int(self._weight.shape[1])

    @property
    def n_outputs(self) -> int:
        """How many neurons there are."""
        return int(self._weight.shape[0])

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are."""
        return self._weight.size + (0 if self._bias is None else self._bias.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return np.dtype(self._weight.dtype)

    def astype(self, dtype: DTypeLike) -> Dense:
        """Return this layer with its parameters in another dtype.

        Parameters
        ----------
        dtype : dtype
            float32 or float64.

        Returns
        -------
        Dense
            The layer itself where nothing changes.

        Raises
        ------
        TypeError
            If dtype is another.

        Examples
        --------
        >>> import fastnn
        >>> fastnn.Dense([[1.0, 2.0]]).astype("float32").dtype
        dtype('float32')
        """
        wanted = check_dtype(dtype)
        if wanted == self.dtype:
            return self
        bias = None if self._bias is None else converted(self._bias, wanted)
        return Dense(converted(self._weight, wanted), bias, self._activation)

    def plan_row(self, activation: str | None = None) -> tuple[Array, Array, Chosen]:
        """Return what the engine needs: weight, bias, and the activation."""
        weight, bias, own = stored(self)
        if bias is None:
            bias = np.zeros(len(weight), weight.dtype)
        return weight, bias, parse(activation or own)

    @cached_property
    def _plan(self) -> Plan:
        return Plan([self.plan_row()], self.dtype)

    def __call__(self, x: ArrayLike, out: Array | None = None, threads: int | None = None) -> Array:
        """Return the layer's output for one example or a batch.

        Parameters
        ----------
        x : array_like, shape (n_inputs,) or (B, n_inputs)
            Real numbers, of any dtype, in any layout.
        out : ndarray, optional
            Where to write the result: of its shape and the layer's dtype.
        threads : int, optional
            How many threads; by default as many as are worth it, up to `get_num_threads`.

        Returns
        -------
        ndarray, shape (n_outputs,) or (B, n_outputs)
            In the layer's dtype; `out` if given.

        Raises
        ------
        TypeError
            If x holds no real numbers, `out` has another dtype, or threads is no integer.
        ValueError
            If x or `out` has another shape, `out` can't be written, or threads is below 1.

        Examples
        --------
        >>> import fastnn
        >>> fastnn.Dense([[0.4, -0.3], [-0.2, 0.5]])([[1.0, 0.0], [0.0, 1.0]])
        array([[ 0.4, -0.2],
               [-0.3,  0.5]])
        """
        return self._plan(x, out, threads)

    def __repr__(self) -> str:
        from fastnn.show import code

        return code.dense(self)

    def _repr_html_(self) -> str:
        from fastnn.show import notebook

        return notebook.dense(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dense):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        with np.errstate(all="ignore"):  # + 0.0 makes -0 and 0, which are equal, equal bytes
            bias = None if self._bias is None else (self._bias + 0.0).tobytes()
            weight = (self._weight + 0.0).tobytes()
        return self._activation, self.dtype, self._weight.shape, weight, bias

    def __reduce__(self) -> tuple[Any, ...]:
        return Dense, (self.weight, self.bias, self._activation)


class Perceptron:
    """One neuron, activation(weights . x + bias).

    Parameters
    ----------
    weights : array_like, shape (n_inputs,)
        Real numbers.
    bias : float, default 0.0
        A real number.
    activation : str, default "identity"
        As of `Dense`; softmax and log_softmax of one output are 1 and 0.

    Raises
    ------
    TypeError
        If weights or bias holds no real numbers, or activation is no name.
    ValueError
        If weights isn't a vector or bias no scalar, or there is no such activation.

    Examples
    --------
    >>> import fastnn
    >>> neuron = fastnn.Perceptron([0.4, -0.1, 0.8], 0.2)
    >>> round(neuron([0.5, 1.2, -0.3]), 6)
    0.04
    """

    def __init__(self, weights: ArrayLike, bias: ArrayLike = 0.0, activation: str = "identity") -> None:
        w = real_array("weights", weights)
        if w.ndim != 1:
            raise ValueError(f"weights has shape {w.shape}, expected (n_inputs,)")
        b = real_array("bias", bias)
        if b.ndim != 0:
            raise ValueError(f"bias has shape {b.shape}, expected a scalar")
        dtype = parameter_dtype(w, None if isinstance(bias, float | int) else b)
        self._dense = Dense(converted(w, dtype)[np.newaxis], converted(b, dtype)[np.newaxis], activation)

    @property
    def weights(self) -> Array:
        """The weights, (n_inputs,), read-only."""
        row: Array = self._dense.weight[0]
        return row

    @property
    def bias(self) -> float:
        """The bias."""
        assert self._dense.bias is not None
        return float(self._dense.bias[0])

    @property
    def activation(self) -> str:
        """The activation's name."""
        return self._dense.activation

    @property
    def n_inputs(self) -> int:
        """How many features an example has."""
        return self._dense.n_inputs

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._dense.dtype

    def __call__(self, x: ArrayLike) -> Any:
        """Return the neuron's output for one example or a batch.

        Parameters
        ----------
        x : array_like, shape (n_inputs,) or (B, n_inputs)
            Real numbers, of any dtype, in any layout.

        Returns
        -------
        float or ndarray, shape (B,)
            A float for one example.

        Raises
        ------
        TypeError
            If x holds no real numbers.
        ValueError
            If x has another shape.

        Examples
        --------
        >>> import fastnn
        >>> fastnn.Perceptron([1.0, 1.0], -1.5, "relu")([[0, 0], [0, 1], [1, 1]])
        array([0. , 0. , 0.5])
        """
        result = self._dense(x)
        return float(result[0]) if result.ndim == 1 else result[:, 0]

    def __repr__(self) -> str:
        from fastnn.show import code

        return code.perceptron(self)

    def _repr_html_(self) -> str:
        return self._dense._repr_html_()

    def __eq__(self, other: object) -> bool:
        return self._dense == other._dense if isinstance(other, Perceptron) else NotImplemented

    def __hash__(self) -> int:
        return hash((Perceptron, self._dense))

    def __reduce__(self) -> tuple[Any, ...]:
        assert self._dense.bias is not None
        return Perceptron, (self.weights, self._dense.bias[0], self.activation)


def stored(layer: Dense) -> tuple[Array, Array | None, str]:
    """Return weight, bias and activation as a layer has them, whatever a subclass's properties say.

    The engine keeps pointers into these, and files what is read again.
    """
    bias = None if layer._bias is None else handed_out(layer._bias)
    return handed_out(layer._weight), bias, layer._activation


def parameter_dtype(*parameters: Array | None) -> np.dtype[Any]:
    """Return float64 if any parameter is float64 or wider, else float32."""
    wide = any(p is not None and p.dtype.kind == "f" and p.dtype.itemsize > 4 for p in parameters)
    return np.dtype(np.float64 if wide else np.float32)


def check_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` if a network can have it, or raise."""
    try:
        wanted = np.dtype(dtype)
    except (TypeError, ValueError, RecursionError):
        raise wrong_type("dtype", dtype, "float32 or float64") from None
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"dtype is {wanted}, expected float32 or float64")
    return wanted


def frozen(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous copy over bytes, which nothing can make writable."""
    return np.ndarray(array.shape, dtype, buffer=converted(array, dtype).tobytes())


def handed_out(array: Array) -> Array:
    """Return an array of its own over a frozen one's bytes.

    A view would lead to the frozen one as its base, whose shape can be set, and its memory by __setstate__.
    """
    return np.ndarray(array.shape, array.dtype, buffer=array.base)


def converted(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in a dtype, rounded to nearest, without a warning, whatever the caller's mode is."""
    with np.errstate(all="ignore"), StandardMode():
        return np.asarray(array, dtype)
