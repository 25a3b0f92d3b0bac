"""Feed-forward neural networks on CPUs: fast, small, and the same bits everywhere."""

from fastnn import elementwise, plot, reference
from fastnn._core.dispatch import available_isas, isa
from fastnn._version import __version__
from fastnn.activations import log_softmax, softmax
from fastnn.elementwise import *  # noqa: F403
from fastnn.formats.files import ModelFileError
from fastnn.layers import Dense, Perceptron
from fastnn.losses import cross_entropy
from fastnn.models import from_keras, from_onnx, from_sklearn, from_torch, load, open_model
from fastnn.network import Network
from fastnn.threads import get_num_threads, set_num_threads

__all__ = [
    "Dense",
    "ModelFileError",
    "Network",
    "Perceptron",
    "__version__",
    "available_isas",
    "cross_entropy",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "get_num_threads",
    "isa",
    "load",
    "log_softmax",
    "open_model",
    "plot",
    "reference",
    "set_num_threads",
    "softmax",
]
__all__ += elementwise.__all__
