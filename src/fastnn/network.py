"""A network: dense layers, each fed by the one before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastnn import activations, streaming
from fastnn._core.checks import wrong_type
from fastnn._core.engine import Plan
from fastnn.extras import need
from fastnn.formats import native
from fastnn.formats.golden import record
from fastnn.layers import Dense, check_dtype

Array = np.ndarray[Any, Any]

MAX_LAYERS = 100_000  # what has no end is refused before it takes all memory


class Network(Plan):
    """Dense layers, each fed by the one before.

    Call it with one example or a batch: ``net(x, out=None, threads=None)``. A row's result has the same bits
    in any batch, at any place in it, on any number of threads and any processor with fused multiply-add.

    Parameters
    ----------
    layers : sequence of Dense
        At least one, at most 100,000; each has as many inputs as the one before has outputs.
    dtype : dtype, optional
        float32 or float64: what the network computes in. By default float64 if any layer is, else float32.

    Attributes
    ----------
    n_inputs, n_outputs : int
        How many features an example has, and how many numbers its result.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    TypeError
        If layers is no sequence, something else than Dense is among them, or dtype is another.
    ValueError
        If there are no layers or too many, or their widths don't fit.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.Network([
    ...     fastnn.Dense([[0.4, -0.3], [-0.2, 0.5], [0.8, 0.1]], [0.1, -0.1, 0.0], "relu"),
    ...     fastnn.Dense([[0.6, -0.4, 0.2], [-0.1, 0.3, 0.5]], [0.0, 0.1], "softmax"),
    ... ])
    >>> net([1.5, -0.5]).round(5)
    array([0.53743, 0.46257])
    >>> net([[1.5, -0.5], [0.0, 1.0]]).shape
    (2, 2)
    """

    def __init__(self, layers: Sequence[Dense], dtype: DTypeLike | None = None) -> None:
        if not isinstance(layers, Iterable):
            raise wrong_type("layers", layers, "a list of Dense")
        chain: list[Dense] = []
        for i, layer in enumerate(layers):
            if i == MAX_LAYERS:
                raise ValueError(f"layers has more than {MAX_LAYERS:,} entries, or no end")
            if not isinstance(layer, Dense):
                raise wrong_type(f"layers[{i}]", layer, "a Dense")
            if i and layer.n_inputs != chain[-1].n_outputs:
                raise ValueError(
                    f"layers[{i}] has weight {layer.weight.shape} and expects {layer.n_inputs} inputs, but "
                    f"layers[{i - 1}] with weight {chain[-1].weight.shape} gives {chain[-1].n_outputs}"
                )
            chain.append(layer)
        if not chain:
            raise ValueError("layers is empty, expected at least one Dense")
        wide = any(layer.dtype == np.float64 for layer in chain)
        wanted = check_dtype(dtype) if dtype is not None else np.dtype(np.float64 if wide else np.float32)
        kept = tuple(layer.astype(wanted) for layer in chain)
        super().__init__([Dense.plan_row(layer) for layer in kept], wanted)
        self._layers = kept

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers, in the network's dtype."""
        return self._layers

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(layer.n_parameters for layer in self._layers)

    def astype(self, dtype: DTypeLike) -> Network:
        """Return this network computing in another dtype.

        Parameters
        ----------
        dtype : dtype
            float32 or float64.

        Returns
        -------
        Network

        Raises
        ------
        TypeError
            If dtype is another.

        Examples
        --------
        >>> import fastnn
        >>> fastnn.Network([fastnn.Dense([[1.0]])]).astype("float32").dtype
        dtype('float32')
        """
        return Network(self._layers, dtype)

    def predict(
        self, x: ArrayLike | Iterable[ArrayLike], batch_size: int | None = None, progress: bool = False
    ) -> Array:
        """Return the outputs of many rows, which needn't be in memory at once.

        Parameters
        ----------
        x : array_like, shape (B, n_inputs), or iterable of them
            Real numbers, of any dtype. What has a shape and can be sliced is read a block of rows at a time:
            a ``numpy.memmap``, say, or a data set of an HDF5 file. An iterable's arrays are blocks; their
            outputs are put one below the other.
        batch_size : int, optional
            How many rows are read at a time; by default what 32 MiB hold. It doesn't change the result. An
            iterable's blocks are taken as they come.
        progress : bool, default False
            Whether to show the rows done, and rows a second, on stderr.

        Returns
        -------
        ndarray, shape (B, n_outputs)
            In the network's dtype: the bits are those of ``net(x)``.

        Raises
        ------
        TypeError
            If x holds no real numbers or is a path, or batch_size is no integer.
        ValueError
            If x or a block has another shape, or batch_size is below 1.

        Examples
        --------
        >>> import fastnn, numpy as np
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "relu")])
        >>> net.predict(np.ones((1000, 2)), batch_size=64).shape
        (1000, 1)
        >>> net.predict(np.ones((n, 2)) for n in (3, 0, 4)).shape
        (7, 1)
        """
        return streaming.predict(self, x, batch_size, progress)

    def iter_predict(self, blocks: Iterable[ArrayLike]) -> Iterator[Array]:
        """Yield the outputs of one block of rows after the other.

        Parameters
        ----------
        blocks : iterable of array_like, shape (B, n_inputs)
            Real numbers, of any dtype; each block with as many rows as it likes.

        Yields
        ------
        ndarray, shape (B, n_outputs)
            The outputs of a block, in the network's dtype. The next block isn't asked for before they are
            taken.

        Raises
        ------
        TypeError
            If a block holds no real numbers, or blocks is a path.
        ValueError
            If a block has another shape.

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "relu")])
        >>> for output in net.iter_predict([[[1, 2], [3, 4]], [[5, 6]]]):
        ...     print(output.round(5).tolist())
        [[0.2], [0.8]]
        [[1.4]]
        """
        return streaming.outputs_of(self, blocks)

    def trace(self, x: ArrayLike) -> Trace:
        """Return every layer's Z and A for one example or a batch.

        Parameters
        ----------
        x : array_like, shape (n_inputs,) or (B, n_inputs)
            Real numbers, of any dtype.

        Returns
        -------
        Trace
            A sequence of ``(z, a)``, one for each layer; the last ``a`` is ``net(x)`` to the last bit.
            Printed, it shows the calculation.

        Raises
        ------
        TypeError
            If x holds no real numbers.
        ValueError
            If x has another shape.

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2], [-0.3, 0.4]], [0.1, -0.2], "relu")])
        >>> print(net.trace([1.0, 2.0]))
        x    = [1, 2]
        Z1   = [0.2, 0.3]
        A1   = [0.2, 0.3]    relu
        """
        steps = []
        a: Any = x
        for layer in self._layers:
            z = Plan([layer.plan_row("identity")], self.dtype)(a)
            a = activations.apply(layer.activation, z)
            steps.append(Step(z, a, layer.activation))
        return Trace(np.asarray(x), tuple(steps))

    def summary(self) -> str:
        """Return a table of the layers: shape, activation, parameters.

        Returns
        -------
        str

        Examples
        --------
        >>> import fastnn
        >>> print(fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")]).summary())
        layer   shape  activation  parameters
        1      2 -> 1  sigmoid              3
        total                               3  float64
        """
        from fastnn.show import summary

        return summary.text(self)

    def save(self, path: str | os.PathLike[str], golden: ArrayLike | None = None) -> None:
        """Write the network to a safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file to write or replace, usually with the suffix ``.safetensors``, and with no other
            format's. Its tensors have the names of ``torch.nn.Sequential``.
        golden : array_like, shape (n_inputs,) or (k, n_inputs), optional
            A few examples, to be kept with their outputs: up to 1000, and 1 MiB. `load` computes them again
            and refuses the file unless the outputs are the same: to the bit where both sides have fused
            multiply-add and the same version of fastnn, else to half of the digits.

        Raises
        ------
        TypeError
            If path is no path, or golden holds no real numbers.
        ValueError
            If no such file can have that name, golden has another shape or is too much, or `load` would
            refuse the file: its header has at most 2 MiB, some 12,000 layers, and no layers without weights
            are wider, together with all others, than the file has bytes. An older file is then as it was.
        OSError
            If it can't be written; an older file is then as it was.

        Examples
        --------
        >>> import fastnn, tempfile, pathlib
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "net.safetensors")
        ...     net.save(path, golden=[[1.0, 2.0], [-0.5, 0.0]])
        ...     fastnn.load(path) == net
        True
        """
        native.write(path, self._layers, None if golden is None else record(self, golden))

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module.

        Returns
        -------
        torch.nn.Sequential
            A Linear and an activation for each layer, with copies of the parameters, in the network's dtype.
            Its state dict has the names that `save` gives the tensors.

        Raises
        ------
        ImportError
            If PyTorch isn't installed.
        ValueError
            If it lacks one of the activations.

        Examples
        --------
        >>> import fastnn
        >>> fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")]).to_torch()  # doctest: +SKIP
        Sequential(
          (0): Linear(in_features=2, out_features=1, bias=True)
          (1): Sigmoid()
        )
        """
        from fastnn.formats import torch

        return torch.write(self._layers)

    def to_keras(self) -> Any:
        """Return the network as a Keras 3 model.

        Returns
        -------
        keras.Sequential
            A Dense with its activation for each layer, with copies of the parameters, in the network's dtype.

        Raises
        ------
        ImportError
            If Keras isn't installed.
        ValueError
            If it lacks one of the activations.

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")])
        >>> [layer.units for layer in net.to_keras().layers]  # doctest: +SKIP
        [1]
        """
        from fastnn.formats import keras

        return keras.write(self._layers)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ONNX file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file to write or replace, usually with the suffix ``.onnx``, and with no other format's. It
            has opset 20, from ``x`` (N, n_inputs) to ``y`` (N, n_outputs). ONNX holds the parameters of
            activations as float32, but for those of clip.

        Raises
        ------
        TypeError
            If path is no path.
        OSError
            If it can't be written; an older file is then as it was.
        ValueError
            If no such file can have that name, the parameters have more than 2 GiB, which is all that an ONNX
            file can hold, or one of an activation is larger than any float32.
        ImportError
            If the onnx package isn't installed.

        Examples
        --------
        >>> import fastnn, tempfile, pathlib
        >>> import onnx  # doctest: +SKIP
        >>> net = fastnn.Network([fastnn.Dense([[0.5, -0.2]], [0.1], "sigmoid")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "net.onnx")
        ...     net.to_onnx(path)
        ...     fastnn.from_onnx(path) == net  # doctest: +SKIP
        True
        """
        need("onnx", "Writing an ONNX model")
        from fastnn.formats.onnx import write

        write.write(path, self._layers)

    def __repr__(self) -> str:
        from fastnn.show import code

        return code.network(self)

    def _repr_html_(self) -> str:
        from fastnn.show import notebook

        return notebook.network(self)

    def __eq__(self, other: object) -> bool:
        return self._layers == other._layers if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        return hash((Network, self._layers))

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self._layers, self.dtype)


class Step(NamedTuple):
    """One layer's part of a trace.

    Parameters
    ----------
    z : ndarray, shape (m,) or (B, m)
        What goes into the activation.
    a : ndarray, shape (m,) or (B, m)
        What it gives.
    activation : str
        Its name.

    Examples
    --------
    >>> import fastnn
    >>> net = fastnn.Network([fastnn.Dense([[2.0]], activation="relu")])
    >>> z, a, activation = net.trace([3.0])[0]
    >>> float(z[0]), float(a[0]), activation
    (6.0, 6.0, 'relu')
    """

    z: Array
    a: Array
    activation: str


class Trace(Sequence[Step]):
    """Every layer's Z and A, as `fastnn.Network.trace` returns them.

    Parameters
    ----------
    x : ndarray, shape (n_inputs,) or (B, n_inputs)
        The input.
    steps : tuple of Step
        z and a, (m,) or (B, m), of each layer.

    Examples
    --------
    >>> import fastnn
    >>> trace = fastnn.Network([fastnn.Dense([[2.0]], activation="relu")]).trace([-1.0])
    >>> trace[0].z, trace[0].a
    (array([-2.]), array([0.]))
    """

    def __init__(self, x: Array, steps: tuple[Step, ...]) -> None:
        self.x = x
        self.steps = steps

    def __getitem__(self, i: Any) -> Any:
        return self.steps[i]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __str__(self) -> str:
        from fastnn.show import trace

        return trace.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from fastnn.show import notebook

        return notebook.steps(self)
