"""Files that call themselves ``.keras`` and are damaged or hostile: refused, with what is wrong."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import needs

import fastnn
from fastnn import ModelFileError

keras = needs("keras")
h5py = needs("h5py")
layers = keras.layers

# Keras's own, of its arrays on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((6,)), layers.Dense(3, "relu"), layers.Dense(2)]).save(path)
    return path


def rewrite(
    path: Path, change: Callable[[str, bytes], bytes | None], method: int = zipfile.ZIP_STORED
) -> None:
    """Write a zip file again with its files changed, or left out."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            changed = change(name, data)
            if changed is not None:
                archive.writestr(name, changed)


def edited(path: Path, edit: Callable[[Any], object]) -> None:
    """Change the HDF5 file in a model's file."""
    weights = path.with_suffix(".h5")
    with zipfile.ZipFile(path) as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(weights, "a") as file:
        edit(file)
    rewrite(path, lambda name, data: weights.read_bytes() if name == "model.weights.h5" else data)


class TestHostileZip:
    def refused(self, path: Path, message: str) -> None:
        with pytest.raises(ModelFileError, match=message) as caught:
            fastnn.from_keras(path)
        assert str(path) in str(caught.value)

    def test_compressed(self, saved: Path) -> None:
        rewrite(saved, lambda name, data: data, zipfile.ZIP_DEFLATED)
        self.refused(saved, "its config.json is compressed")

    def test_a_bomb(self, saved: Path) -> None:
        with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", b"{}")
            archive.writestr("model.weights.h5", bytes(50_000_000))
        assert saved.stat().st_size < 100_000
        self.refused(saved, "compressed")

    def test_files_missing_twice_or_too_large(self, saved: Path) -> None:
        original = saved.read_bytes()
        rewrite(saved, lambda name, data: None if name == "config.json" else data)
        self.refused(saved, r"is a zip file without a config\.json, expected a \.keras file")
        saved.write_bytes(original)
        with zipfile.ZipFile(saved, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("config.json", b"{}")
        self.refused(saved, "has 2 files called config.json")
        saved.write_bytes(original)
        rewrite(saved, lambda name, data: data + b" " * (5 << 20) if name == "config.json" else data)
        self.refused(saved, "its config.json has .* bytes, expected at most")

    def test_paths_are_names(self, saved: Path) -> None:
        with zipfile.ZipFile(saved, "a") as archive:
            archive.writestr("../outside", b"data")
            archive.writestr("/absolute", b"data")
        assert fastnn.from_keras(saved).n_inputs == 6
        assert sorted(path.name for path in saved.parent.iterdir()) == [saved.name]
        assert not (saved.parent.parent / "outside").exists()

    def test_a_comment_or_a_large_directory(self, saved: Path) -> None:
        with zipfile.ZipFile(saved, "a") as archive:
            archive.comment = b"PK"
        self.refused(saved, "no sound zip file, of at most 4 GiB and without a comment")
        with zipfile.ZipFile(saved, "w") as archive:
            for i in range(6000):
                archive.writestr(f"{i}", b"")
        self.refused(saved, "its directory has .* bytes, expected at most 262144")

    def test_wrong_sums(self, saved: Path) -> None:
        data = saved.read_bytes()
        position = data.index(b"\x89HDF") + 100
        saved.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        self.refused(saved, "no sound zip file: Bad CRC-32")

    def test_truncated_anywhere(self, saved: Path) -> None:
        data = saved.read_bytes()
        for length in {*range(1, len(data), 301), *range(len(data) - 30, len(data))}:
            saved.write_bytes(data[:length])
            self.refused(saved, "zip")

    def test_others_files(self, saved: Path) -> None:
        shutil.make_archive(str(saved.with_suffix("")), "zip", saved.parent)
        saved.with_suffix(".zip").replace(saved)
        self.refused(saved, "config.json|zip")
        with h5py.File(saved.with_suffix(".h5"), "w") as file:
            file["model_weights"] = np.ones(3)
        for read in (fastnn.open_model, fastnn.from_keras):
            with pytest.raises(ModelFileError, match="is HDF5, which Keras has given up"):
                read(saved.with_suffix(".h5"))


class TestHostileConfig:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('"Sequential"', '"Model"', "it is 'Model', expected one of Sequential, Functional"),
            ('"layers": [', '"layers": 3, "other": [', "it is 'Sequential'"),
            ('"layers": [', '"layers": [7, ', "one of its layers is 7"),
            ('"layers": [', '"layers": [[[]], ', r"one of its layers is \[\[\]\]"),
            ('"units": 3', '"units": 3, "units": 3', "'units' stands twice"),
            ('"units": 3', '"units": NaN', "NaN is no number"),
            ('"activation": "relu"', '"activation": ["relu"]', r"its activation is \['relu'\]"),
            ('"activation": "relu"', '"activation": {"class_name": "__lambda__"}', "its activation is {"),
            ('"use_bias": true', '"use_bias": 1', "its use_bias is 1, expected true or false"),
            ('"use_bias": true', '"use_bias": false', "layers/dense/vars has 2 variables, expected 1"),
            (
                '"class_name": "Dense"',
                '"class_name": "Embedding"',
                "Embedding 'dense.*': fastnn has no equal",
            ),
            ('"batch_shape": [null, 6]', '"batch_shape": [null, null]', "its shape is"),
            ('"batch_shape": [null, 6]', '"batch_shape": "6"', "its shape is '6'"),
            ('"batch_shape": [null, 6]', '"batch_shape": [null, 5]', "but 5 features come in"),
            ('"batch_shape": [null, 6]', '"batch_shape": [null, 2, 3]', r"examples have shape \(2, 3\)"),
            ('{"module"', "[" * 100_000 + '{"module"', "more than 100 deep"),
            ('{"module"', '\x00{"module"', "no JSON"),
        ],
    )
    def test_edits(self, saved: Path, old: str, new: str, message: str) -> None:
        def change(name: str, data: bytes) -> bytes:
            return data.replace(old.encode(), new.encode(), 1) if name == "config.json" else data

        before = saved.read_bytes()
        rewrite(saved, change)
        assert saved.read_bytes() != before
        with pytest.raises(ModelFileError, match=message):
            fastnn.from_keras(saved)

    def test_models_without_end(self, saved: Path) -> None:
        def change(name: str, data: bytes) -> bytes:
            if name != "config.json":
                return data
            model: Any = {"layers": []}
            for i in range(25):
                config = {"name": f"m{i}", "layers": [model] if i else []}
                model = {"module": "keras", "class_name": "Sequential", "config": config}
            return json.dumps(model).encode()

        rewrite(saved, change)
        with pytest.raises(ModelFileError, match="more than 20 deep"):
            fastnn.from_keras(saved)


class TestHostileWeights:
    def refused(self, path: Path, edit: Callable[[Any], object], message: str) -> None:
        edited(path, edit)
        with pytest.raises(ModelFileError, match=message):
            fastnn.from_keras(path)

    def replaced(self, path: Path, message: str, **settings: Any) -> None:
        def edit(file: Any) -> None:
            del file["layers/dense/vars/0"]
            file["layers/dense/vars"].create_dataset("0", **settings)

        self.refused(path, edit, message)

    def test_links_to_elsewhere(self, saved: Path, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "secret.h5", "w") as file:
            file["weights"] = np.ones((6, 3), np.float32)
        for link in (h5py.ExternalLink(str(tmp_path / "secret.h5"), "weights"), h5py.SoftLink("/weights")):

            def edit(file: Any, link: Any = link) -> None:
                del file["layers/dense/vars/0"]
                file["layers/dense/vars/0"] = link

            self.refused(saved, edit, "layers/dense/vars/0 is (a link to elsewhere|missing)")

    def test_data_elsewhere(self, saved: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(bytes(72))
        self.replaced(
            saved, "in one piece", shape=(6, 3), dtype="f4", external=[(str(tmp_path / "secret"), 0, 72)]
        )
        layout = h5py.VirtualLayout((6, 3), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "weights", (6, 3))

        def edit(file: Any) -> None:
            del file["layers/dense/vars/0"]
            file["layers/dense/vars"].create_virtual_dataset("0", layout)

        self.refused(saved, edit, "in one piece")

    def test_more_than_there_is(self, saved: Path) -> None:
        self.replaced(saved, "in one piece", shape=(100_000, 30_000), dtype="f4")
        self.replaced(saved, "in one piece", shape=(2**40, 2**20), dtype="f4")
        self.replaced(saved, "in one piece", data=np.zeros((1000, 1000), "f4"), compression="gzip")
        self.replaced(saved, "in one piece", data=np.zeros((6, 3), "f4"), chunks=(2, 3))
        self.replaced(saved, "more than fits", shape=(2**40, 0), dtype="f4")

    @pytest.mark.parametrize("shapes", [[(9, 9)], [(0, 900), (900, 0)]], ids=str)
    def test_one_array_many_times(self, tmp_path: Path, shapes: list[tuple[int, int]]) -> None:
        path, weights, count = tmp_path / "model.keras", tmp_path / "weights.h5", 100
        dense = [
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"name": str(i), "activation": "relu", "use_bias": False},
            }
            for i in range(count)
        ]
        model = {"module": "keras", "class_name": "Sequential", "config": {"layers": dense}}
        with h5py.File(weights, "w", libver="latest") as file:
            for i, shape in enumerate(shapes):
                file[f"shared/{i}/0"] = np.ones(shape, np.float32)
            for i in range(count):
                file[f"layers/dense_{i}".removesuffix("_0") + "/vars"] = file[f"shared/{i % len(shapes)}"]
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(model))
            archive.write(weights, "model.weights.h5")
        last = r"layers/dense_\d+/vars/0 has shape .*: with all that was read before, it is more than fits in"
        with pytest.raises(ModelFileError, match=last):
            fastnn.from_keras(path)

    def test_other_kinds(self, saved: Path) -> None:
        self.replaced(saved, "dtype int64", data=np.zeros((6, 3), "i8"))
        self.replaced(saved, r"weight has shape \(18,\)", data=np.zeros(18, "f4"))
        self.replaced(saved, r"weight has shape \(3, 5\), but 6 features", data=np.zeros((5, 3), "f4"))
        self.replaced(saved, "has dtype object", data="text")
        self.replaced(saved, "has dtype object", shape=(6, 3), dtype=h5py.vlen_dtype(np.float32))
        self.replaced(saved, "has dtype", data=np.zeros((6, 3), [("re", "f4"), ("im", "f4")]))
        self.replaced(saved, "has dtype .V2", data=np.zeros((6, 3), "V2"))

        def group(file: Any) -> None:
            del file["layers/dense/vars/0"]
            file["layers/dense/vars"].create_group("0")

        self.refused(saved, group, "layers/dense/vars/0")

    def test_missing(self, saved: Path) -> None:
        def rename(file: Any) -> None:
            file.move("layers/dense_1", "layers/other")

        self.refused(saved, rename, "Dense '.*': layers/dense_1 is missing")
        self.refused(saved, lambda file: file.clear(), "layers is missing")
