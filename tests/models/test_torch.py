"""PyTorch's modules and state dicts: the same outputs as their own forward, and back again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import needs, same_bits

import fastnn
from fastnn import Dense, Network

torch = needs("torch")
safetensors_torch = needs("safetensors.torch")
nn = torch.nn

# In float32 the sums' order differs; in float64 nothing else may show.
LIMITS = {torch.float32: 2e-6, torch.float64: 1e-14}

ACTIVATIONS = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softmax": nn.Softmax(dim=-1),
    "log_softmax": nn.LogSoftmax(dim=1),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu(0.25)": nn.LeakyReLU(0.25),
    "softsign": nn.Softsign(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_swish": nn.Hardswish(),
    "clip": nn.ReLU6(),
    "clip(-1, 1)": nn.Hardtanh(),
    "clip(-2, 0.5)": nn.Hardtanh(-2.0, 0.5),
    "elu": nn.ELU(),
    "elu(0.5)": nn.ELU(0.5),
    "selu": nn.SELU(),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def agree(module: Any, net: Network, limit: float | None = None, rows: int = 50) -> None:
    """The network's outputs are those of the module, which is put in eval mode for it."""
    dtype = torch.float64 if net.dtype == np.float64 else torch.float32
    x = 3 * torch.randn(rows, net.n_inputs, dtype=dtype)
    module.eval()
    with torch.no_grad():
        expected = module(x).numpy()
    y = net(x.numpy())
    assert y.shape == expected.shape
    assert y.dtype == expected.dtype
    scale = np.abs(expected).max()
    assert scale > 0
    assert np.abs(y - expected).max() <= (limit or LIMITS[dtype]) * scale


@pytest.mark.parametrize("dtype", LIMITS, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str, dtype: Any) -> None:
    module = nn.Sequential(
        nn.Linear(9, 17), ACTIVATIONS[activation], nn.Linear(17, 5), ACTIVATIONS[activation]
    ).to(dtype)
    net = fastnn.from_torch(module)
    assert [layer.activation for layer in net.layers] == [activation, activation]
    agree(module, net)
    again = net.to_torch()
    agree(again, net)
    assert repr(again[1]) == repr(ACTIVATIONS[activation]).replace("dim=1", "dim=-1")


class TestModules:
    def test_nested_with_all_that_does_nothing(self) -> None:
        block = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 7), nn.Sequential(nn.ReLU(), nn.Identity()))
        module = nn.Sequential(
            nn.Flatten(), block, nn.AlphaDropout(), nn.Linear(7, 3, bias=False), nn.Flatten()
        )
        net = fastnn.from_torch(module)
        assert [(layer.weight.shape, layer.activation) for layer in net.layers] == [
            ((7, 6), "relu"),
            ((3, 7), "identity"),
        ]
        assert net.layers[1].bias is None
        agree(module, net)

    def test_one_linear(self) -> None:
        module = nn.Linear(4, 2)
        net = fastnn.from_torch(module)
        assert same_bits(net.layers[0].weight, module.weight.detach().numpy())
        assert same_bits(net.layers[0].bias, module.bias.detach().numpy())

    def test_one_activation_at_two_places(self) -> None:
        relu = nn.ReLU()
        module = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
        net = fastnn.from_torch(module)
        assert [layer.activation for layer in net.layers] == ["relu", "relu"]

    def test_two_activations_in_a_row(self) -> None:
        module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Softmax(dim=-1))
        net = fastnn.from_torch(module)
        assert [(layer.weight.shape, layer.activation) for layer in net.layers] == [
            ((6, 4), "tanh"),
            ((6, 6), "softmax"),
        ]
        agree(module, net)

    @pytest.mark.parametrize("affine", [True, False])
    @pytest.mark.parametrize("place", range(6))
    def test_batch_norm(self, place: int, affine: bool) -> None:
        parts = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 8), nn.Sigmoid()]
        norm = nn.BatchNorm1d(5 if place == 0 else 8, affine=affine)
        for tensor in norm.buffers():
            if tensor.dtype.is_floating_point:
                nn.init.uniform_(tensor, 0.5, 2)
        for tensor in norm.parameters():
            nn.init.uniform_(tensor, -2, 2)
        module = nn.Sequential(*parts[:place], norm, *parts[place:])
        module.eval()
        net = fastnn.from_torch(module)
        # After the last activation it is a layer of its own, elsewhere in its neighbour's weights.
        assert len(net.layers) == (4 if place == 5 else 3)
        agree(module, net)
        agree(module.double(), fastnn.from_torch(module), 1e-13)

    def test_batch_norm_of_batches(self) -> None:
        module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False))
        with pytest.raises(ValueError, match=r"1 \(BatchNorm1d\): fastnn has no equal of BatchNorm1d\(2"):
            fastnn.from_torch(module)

    def test_a_module_of_ones_own(self) -> None:
        class Plain(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first = nn.Linear(4, 8)
                self.act = nn.Tanh()
                self.second = nn.Linear(8, 2)

            def forward(self, x: Any) -> Any:
                return self.second(self.act(self.first(x)))

        module = Plain()
        agree(module, fastnn.from_torch(module))

    def test_what_the_module_does_beyond_its_children(self) -> None:
        class Functional(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc1 = nn.Linear(4, 4)
                self.fc2 = nn.Linear(4, 4)

            def forward(self, x: Any) -> Any:
                return self.fc2(torch.relu(self.fc1(x)))

        module = Functional()
        message = "the forward of Functional does something else than its children.* activations"
        with pytest.raises(ValueError, match=message):
            fastnn.from_torch(module)
        agree(module, fastnn.from_torch(module, activations=["relu"]))
        agree(module, fastnn.from_torch(module, activations="relu"))
        for activations in ("tanh", ["relu", "softmax"]):
            with pytest.raises(
                ValueError, match=r"Functional does something else than its weights.*other num"
            ):
                fastnn.from_torch(module, activations)

        class Limited(Functional):
            def forward(self, x: Any) -> Any:
                return self.fc2(torch.relu(self.fc1(x.clamp(-50, 50))))

        class Vector(Functional):
            def __init__(self) -> None:
                super().__init__()
                self.fc2 = nn.Linear(4, 1)

            def forward(self, x: Any) -> Any:
                return super().forward(x).squeeze(-1)

        with pytest.raises(ValueError, match=r"Limited .*other numbers come out.*state_dict\(\)"):
            fastnn.from_torch(Limited(), "relu")
        vector, x = Vector(), torch.ones(3, 4)
        expected = vector(x).detach().numpy()
        np.testing.assert_allclose(fastnn.from_torch(vector, "relu")(x)[:, 0], expected, rtol=1e-5)

        class Residual(Functional):
            def forward(self, x: Any) -> Any:
                return x + super().forward(x)

        for given in (None, "relu"):
            with pytest.raises(ValueError, match="Residual does something else than its"):
                fastnn.from_torch(Residual(), given)

        class Fails(Functional):
            def forward(self, x: Any) -> Any:
                return self.fc1(x).reshape(3, 3, 3)

        with pytest.raises(ValueError, match="Fails does something else"):
            fastnn.from_torch(Fails())

        class Looks(Functional):
            def forward(self, x: Any) -> Any:
                return {}[x.dtype]

        with pytest.raises(ValueError, match=r"Looks .*it raises KeyError: torch\.float64"):
            fastnn.from_torch(Looks(), "relu")

        class Pair(Functional):
            def forward(self, x: Any) -> Any:
                return self.fc1(x)[:, :2]

        with pytest.raises(ValueError, match=r"its output has shape \(8, 2\), the layers' has \(8, 4\)"):
            fastnn.from_torch(Pair(), "relu")

        class Unlike(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc = nn.Linear(4, 2)
                self.fc.weight.data[0] *= 1e8

            def forward(self, x: Any) -> Any:
                y = self.fc(x)
                return torch.stack([y[:, 0], torch.sigmoid(y[:, 1])], 1)

        with pytest.raises(ValueError, match=r"Unlike does something else.*other numbers come out"):
            fastnn.from_torch(Unlike())

        class NoneFinite(Functional):
            def forward(self, x: Any) -> Any:
                return self.fc2(self.fc1(x)) * torch.nan

        with pytest.raises(ValueError, match="other numbers come out"):
            fastnn.from_torch(NoneFinite())

    def test_activations_beside_the_children(self) -> None:
        module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3), nn.Softmax(1))
        agree(module, fastnn.from_torch(module, ["relu", "softmax"]))
        for activations in ("relu", "tanh", ["tanh", "softmax"]):
            with pytest.raises(ValueError, match="Sequential does something else than its weights"):
                fastnn.from_torch(module, activations)

    def test_what_cannot_be_copied(self) -> None:
        prune = pytest.importorskip("torch.nn.utils.prune")
        pruned = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        prune.l1_unstructured(pruned[0], "weight", 0.5)
        locked = nn.Sequential(nn.Linear(4, 4))
        locked.lock = threading.Lock()
        for module in (pruned, locked, nn.Sequential(nn.Linear(4, 4, device="meta"))):
            with pytest.raises(ValueError, match=r"can't be copied|meta"):
                fastnn.from_torch(module)

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            (nn.LayerNorm(4), r"1 \(LayerNorm\): fastnn has no equal of LayerNorm\(\(4,\)"),
            (nn.Conv1d(1, 1, 1), r"1 \(Conv1d\)"),
            (nn.Softmax(dim=0), r"1 \(Softmax\): .*dim=0"),
            (nn.Flatten(0), r"1 \(Flatten\)"),
            (nn.Sequential(nn.ReLU(), nn.Mish()), r"1\.1 \(Mish\)"),
            (nn.Linear(5, 2), r"1 \(Linear\): weight has shape \(2, 5\), but 4 features come in"),
            (nn.BatchNorm1d(5), r"1 \(BatchNorm1d\): a scaling has shape \(5,\), but 4 features come in"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_fastnn_cannot_do_is_named(self, part: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            fastnn.from_torch(nn.Sequential(nn.Linear(3, 4), part))

    def test_no_layers(self) -> None:
        for module in (nn.Sequential(), nn.Sequential(nn.Dropout()), nn.Identity()):
            with pytest.raises(ValueError, match="no dense layer"):
                fastnn.from_torch(module)
        with pytest.raises(ValueError, match="relu doesn't follow a dense layer"):
            fastnn.from_torch(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))

    def test_the_module_stays_as_it_was(self) -> None:
        module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout()).train()
        state = {name: value.clone() for name, value in module.state_dict().items()}
        random = torch.get_rng_state()
        fastnn.from_torch(module)
        assert module.training
        assert torch.equal(torch.get_rng_state(), random)
        assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
    def test_halves(self, dtype: Any) -> None:
        module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(dtype)
        net = fastnn.from_torch(module)
        assert net.dtype == np.float32
        agree(module.float(), net)


class TestStateDicts:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
    def test_of_tensors_and_in_a_file(self, tmp_path: Path, dtype: Any) -> None:
        module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)
        net = fastnn.from_torch(module.state_dict(), activations=["tanh", "identity"])
        path = tmp_path / "state.safetensors"
        safetensors_torch.save_file(module.state_dict(), path)
        assert fastnn.from_torch(path, activations="tanh") == net
        assert fastnn.from_torch(str(path), activations=["tanh"]) == net
        agree(module.to(torch.float64 if net.dtype == np.float64 else torch.float32), net)

    def test_the_order_is_natural(self) -> None:
        module = nn.Sequential(*[nn.Linear(4, 4) for _ in range(12)]).double()
        shuffled = dict(sorted(module.state_dict().items()))
        assert list(shuffled)[4] == "10.bias", "not as people count"
        agree(module, fastnn.from_torch(shuffled, activations="identity"))

    def test_a_native_file_is_a_state_dict(self, tmp_path: Path) -> None:
        net = fastnn.from_torch(
            nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3, bias=False), nn.ReLU())
        )
        path = tmp_path / "net.safetensors"
        net.save(path, golden=np.ones((2, 6)))
        other = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3, bias=False), nn.ReLU())
        other.load_state_dict(safetensors_torch.load_file(path), strict=True)
        agree(other, net)
        module = net.to_torch()
        state = safetensors_torch.load_file(path)
        module.load_state_dict(state, strict=True)
        assert fastnn.from_torch(state, activations=["tanh", "relu"]) == net == fastnn.from_torch(module)

    @pytest.mark.parametrize(
        "name", ["model.pt", "model.pth", "model.ckpt", "pytorch_model.bin", "model.pkl"]
    )
    @pytest.mark.parametrize("zipped", [True, False])
    def test_no_pickle_is_opened(self, tmp_path: Path, name: str, zipped: bool) -> None:
        path = tmp_path / name
        torch.save(nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(fastnn.ModelFileError, match=r"pickle, which could run any code.*isn't opened"):
            fastnn.from_torch(path, activations="relu")
        with pytest.raises(fastnn.ModelFileError, match=r"pickle|no model file"):
            fastnn.open_model(path)


class TestToTorch:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_same_parameters(self, dtype: str) -> None:
        net = Network([Dense([[1.5, -2.0]] * 3, [0.1, 0.2, 0.3], "relu"), Dense([[1, 2, 3]])], dtype)
        module = net.to_torch()
        assert [type(part).__name__ for part in module] == ["Linear", "ReLU", "Linear", "Identity"]
        assert module[2].bias is None
        assert fastnn.from_torch(module) == net
        with torch.no_grad():
            module[0].weight.zero_()
        assert net.layers[0].weight[0, 0] == 1.5, "its parameters are copies"

    def test_what_pytorch_does_not_have(self) -> None:
        net = Network([Dense([[1.0]], activation="hard_sigmoid(0.2, 0.5)")])
        with pytest.raises(ValueError, match=r"PyTorch has no hard_sigmoid\(0.2, 0.5\)"):
            net.to_torch()

    @pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
    def test_no_inputs_or_no_outputs(self) -> None:
        net = Network([Dense(np.ones((3, 0)), np.ones(3)), Dense(np.ones((0, 3)), np.ones(0), "tanh")])
        assert net.to_torch()(torch.ones(2, 0, dtype=torch.float64)).shape == (2, 0)


def test_anything_else_is_refused() -> None:
    for model in (None, 3, [nn.Linear(2, 2)], nn.Linear):
        message = f"model has type {type(model).__name__}, expected a torch.nn.Module"
        with pytest.raises(TypeError, match=message):
            fastnn.from_torch(model)
