"""State dicts without PyTorch: of arrays, and in safetensors files of any maker."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import write_safetensors

import fastnn
from fastnn import Dense, ModelFileError, Network
from fastnn.cli import main

RNG = np.random.default_rng(0)
W1, B1, W2, B2 = (RNG.standard_normal(shape).astype(np.float32) for shape in ((5, 4), 5, (3, 5), 3))
STATE = {"fc2.bias": B2, "fc2.weight": W2, "fc1.weight": W1, "fc1.bias": B1}
NET = Network([Dense(W1, B1, "tanh"), Dense(W2, B2)])


def write_raw(path: Path, header: dict[str, Any] | str, data: bytes) -> Path:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_arrays() -> None:
    assert fastnn.from_torch(STATE, activations="tanh") == NET
    assert fastnn.from_torch(STATE, activations=["tanh"]) == NET
    assert fastnn.from_torch(STATE, activations=("tanh", "identity")) == NET
    wide = fastnn.from_torch({name: value.astype(np.float64) for name, value in STATE.items()}, "tanh")
    assert wide.dtype == np.float64
    assert wide.astype("float32") == NET


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write_safetensors(path, STATE)
    assert fastnn.from_torch(path, activations="tanh") == NET
    for read in (fastnn.open_model, fastnn.load):
        with pytest.raises(ModelFileError, match=r"no activations.*fastnn\.from_torch\(path, 'relu'\)"):
            read(path)


@pytest.mark.parametrize("activations", [None, "relu", ["tanh", "softmax"]])
def test_a_file_of_fastnns_own(tmp_path: Path, activations: Any) -> None:
    path = tmp_path / "net.safetensors"
    NET.save(path)
    message = r"net\.safetensors is fastnn's and says its activations itself: fastnn\.load reads it$"
    with pytest.raises(ModelFileError, match=message):
        fastnn.from_torch(path, activations)


@pytest.mark.parametrize("name", ["bn.num_batches_tracked", "bn.running_mean", "running_var"])
def test_batch_normalisation(tmp_path: Path, name: str) -> None:
    state = {**STATE, name: np.array(3)}
    message = f"'{name}' is of a batch normalisation.*pass the module itself"
    with pytest.raises(ValueError, match=message):
        fastnn.from_torch(state, activations="tanh")
    path = tmp_path / "state.safetensors"
    write_safetensors(path, state)
    for read in (fastnn.open_model, fastnn.load, lambda path: fastnn.from_torch(path, "tanh")):
        with pytest.raises(ModelFileError, match=f"state.safetensors: {message}"):
            read(path)


class TestInTheShell:
    @pytest.fixture(autouse=True)
    def state(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_safetensors("my state.safetensors", STATE)

    def test_what_is_missing_and_what_supplies_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("x.npy", np.ones((3, 4)))
        for arguments in (
            ("predict", "my state.safetensors", "x.npy", "-o", "y.npy"),
            ("summary", "my state.safetensors"),
            ("convert", "my state.safetensors", "net.safetensors"),
        ):
            assert main(arguments) == 1
            error = capsys.readouterr().err
            assert error.startswith(
                f"fastnn {arguments[0]}: error: my state.safetensors has weights, but no activations"
            )
            assert error.count("\n") == 1
            (command,) = re.findall("`fastnn (.*)`", error)
        assert main(shlex.split(command)) == 0
        assert fastnn.load("NEW.safetensors") == fastnn.from_torch(STATE, "relu")
        assert main(["predict", "NEW.safetensors", "x.npy", "-o", "y.npy"]) == 0

    def test_activations_of_each_layer(self) -> None:
        for names in (["tanh"], ["tanh", "identity"], ["clip(-1, 2)", "softmax"]):
            assert main(["convert", "my state.safetensors", "net.safetensors", "--activations", *names]) == 0
            assert fastnn.load("net.safetensors") == fastnn.from_torch(STATE, names)

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["tanh"] * 3, "activations has 3 names or more, expected 2 for 2 layers, or one less"),
            (["swoosh"], "activation is 'swoosh', expected one of"),
        ],
    )
    def test_activations_that_do_not_fit(
        self, names: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["convert", "my state.safetensors", "net.safetensors", "--activations", *names]) == 1
        assert message in capsys.readouterr().err
        assert not Path("net.safetensors").exists()

    def test_another_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("net.onnx").write_bytes(b"\x08\x09")
        assert main(["convert", "net.onnx", "net.safetensors", "--activations", "relu"]) == 1
        assert "--activations are a state dict's, but net.onnx is no safetensors" in capsys.readouterr().err
        fastnn.from_torch(STATE, "relu").save("net.safetensors")
        assert main(["convert", "net.safetensors", "other.safetensors", "--activations", "relu"]) == 1
        assert "net.safetensors is fastnn's and says its activations itself" in capsys.readouterr().err
        assert not Path("other.safetensors").exists()


def test_the_order_is_natural() -> None:
    weights = [np.full((1, 1), float(i)) for i in range(12)]
    net = fastnn.from_torch({f"layer{i}.weight": w for i, w in enumerate(weights)}, activations="relu")
    assert [layer.weight[0, 0] for layer in net.layers] == list(range(12))
    assert [layer.activation for layer in net.layers] == ["relu"] * 11 + ["identity"]


def test_bfloat16(tmp_path: Path) -> None:
    # Sign, ordinary, rounding's edge, the largest, a subnormal, -0, infinity and NaN.
    bits = np.array([0xC000, 0x3F80, 0x3F81, 0x7F7F, 0x0001, 0x8000, 0x7F80, 0x7FC0], "<u2")
    values = np.array([-2, 1, 1.0078125, 3.3895314e38, 2.0**-133, -0.0, np.inf, np.nan], np.float32)
    header = {
        "0.bias": {"dtype": "F16", "shape": [2], "data_offsets": [16, 20]},
        "0.weight": {"dtype": "BF16", "shape": [2, 4], "data_offsets": [0, 16]},
    }
    data = bits.tobytes() + np.array([0.5, 65504], "<f2").tobytes()
    net = fastnn.from_torch(write_raw(tmp_path / "b.safetensors", header, data), activations="identity")
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.layers[0].weight, values.reshape(2, 4))
    assert np.signbit(net.layers[0].weight[1, 1])
    np.testing.assert_array_equal(net.layers[0].bias, [0.5, 65504])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fc1.weight": None}, r"weight.*|'fc1.bias' of shape \(5,\) belongs to no linear layer"),
        ({"fc1.weight": W1[0]}, r"'fc1.weight' of shape \(4,\) belongs to no linear layer"),
        ({"bn.running_mean": B1}, "'bn.running_mean' is of a batch normalisation"),
        ({"fc1.weight_g": W1}, r"'fc1.weight_g' of shape \(5, 4\) belongs to no linear layer"),
        ({"fc1.bias": B2}, r"'fc1.weight': bias has shape \(3,\), but weight \(5, 4\) expects \(5,\)"),
        ({"fc2.weight": W1}, r"'fc2.weight': .*\(5, 4\).*5 features come in|'fc2.weight': bias has shape"),
        ({"bn.num_batches_tracked": np.array(3)}, "'bn.num_batches_tracked' is of a batch normalisation"),
        ({"scale": np.float32(3)}, r"'scale' has type float32, expected a tensor or array"),
        ({"steps": np.array(3)}, r"'steps' has dtype int64, expected a tensor or array of floating-point"),
        ({"model": {}}, "'model' has type dict, expected a tensor or array"),
    ],
)
def test_what_does_not_belong_is_named(changes: dict[str, Any], message: str) -> None:
    state = {name: value for name, value in {**STATE, **changes}.items() if value is not None}
    with pytest.raises((ValueError, TypeError), match=message):
        fastnn.from_torch(state, activations="tanh")


def test_activations_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="activations is missing"):
        fastnn.from_torch(STATE)
    with pytest.raises(TypeError, match=r"^activations has type int, expected a name or a seq"):
        fastnn.from_torch(STATE, activations=4)  # type: ignore[arg-type]
    endless = np.broadcast_to(np.array("relu"), (2**45,))
    for names, count in (([], "0 names"), (["relu"] * 3, "3 names or more"), (endless, "3 names or more")):
        with pytest.raises(ValueError, match=f"activations has {count}, expected 2 for 2 layers"):
            fastnn.from_torch(STATE, activations=names)
    with pytest.raises(ValueError, match="activation is 'swoosh'"):
        fastnn.from_torch(STATE, activations=["swoosh"])
    one = {"weight": np.ones((2, 3)), "bias": np.zeros(2)}
    with pytest.raises(ValueError, match=r"only one layer: pass \['softmax'\] if it has that"):
        fastnn.from_torch(one, activations="softmax")
    assert fastnn.from_torch(one, activations=["softmax"]).layers[0].activation == "softmax"
    assert fastnn.from_torch(one, activations=[]) == fastnn.from_torch(one, activations="identity")
    with pytest.raises(ValueError, match="no weight"):
        fastnn.from_torch({}, activations="relu")
    with pytest.raises(TypeError, match="model has type list"):
        fastnn.from_torch([STATE], activations="relu")


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ('{"0.weight":%s,"0.weight":%s}', "'0.weight' stands twice"),
        ('{"0.weight":%s,"__metadata__":{"a":"1","a":"2"}}', "'a' stands twice"),
        ('{"0.weight":%s,"\\u0030.weight":%s}', "'0.weight' stands twice"),
        ('{"0.weight":{"dtype":"F32","shape":[NaN,1],"data_offsets":[0,4]}}', "NaN"),
        ('{"0.weight":{"dtype":"F32","shape":[1.0,1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[4294967296,4294967297],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"BF16","shape":[9223372036854775807,0],"data_offsets":[0,0]}}', "sound|fit"),
        ('{"0.weight":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}}', "has dtype int32"),
        ('{"0.weight":{"dtype":"F8_E4M3","shape":[1,4],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4000000000]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[-4,0]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0]}}', "sound"),
        ('{"0.weight":{"dtype":["F32"],"shape":[1,1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":"1","data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[true,1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,4]}}', "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[%s1],"data_offsets":[0,4]}}' % ("1," * 100), "sound"),
        ('{"0.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', "sound"),
        ('{"0.weight":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]}}', "have 2 bytes, but 4 are there"),
        ('{"0.weight":{"dtype":"F16","shape":[1,1],"data_offsets":[2,4]}}', "expected them to begin at 0"),
        ('{"0.weight":%s,"2.weight":%s}', "'2.weight' has bytes 0 to 4 of 4, expected them to begin at 4"),
        ('{"0.weight":{"dtype":"F32","shape":[0,1],"data_offsets":[0,-4]}}', "sound"),
        ('{"0.weight":[],"__metadata__":{}}', "'0.weight' is \\[\\]"),
        ('{"0.weight":%s,"__metadata__":{"a":1}}', "its metadata is {'a': 1}"),
        ('{"0.weight":%s,"__metadata__":[]}', "its metadata is"),
        ('{"0.weight":' + "[" * 100_000, "more than 100 deep"),
        ("[]", "sound"),
        ('{"0.weight":%s', "no JSON"),
        ('{"0.weight":%s}\udcff', "utf-8"),
        ("1" * 5000, "digits"),
    ],
)
def test_a_hostile_header(tmp_path: Path, header: str, complaint: str) -> None:
    one = '{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}'
    text = header.replace("%s", one).encode(errors="surrogateescape")
    path = tmp_path / "h.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0\x80?")
    with pytest.raises(ModelFileError, match=f"(?i){complaint}") as caught:
        fastnn.from_torch(path, activations="relu")
    assert len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize("length", [0, 1, 100, (2 << 20) + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_header_of_false_length(tmp_path: Path, length: int) -> None:
    path = tmp_path / "h.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelFileError, match=f"its header would have {length} bytes"):
        fastnn.from_torch(path, activations="relu")
