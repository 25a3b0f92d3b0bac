"""Whatever happens while a file is saved: the old one is there whole, or the new one."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

import fastnn
from fastnn import Dense, Network
from fastnn.formats import files

OLD = Network([Dense(np.full((400, 300), 1.0), activation="relu")])
NEW = Network([Dense(np.full((300, 400), 2.0), activation="tanh")])

SAVE_BY_TURNS = """
import sys, numpy as np, fastnn
from fastnn import Dense, Network
old = Network([Dense(np.full((400, 300), 1.0), activation="relu")])
new = Network([Dense(np.full((300, 400), 2.0), activation="tanh")])
while True:
    new.save(sys.argv[1])
    old.save(sys.argv[1])
    print("saved", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing kills as surely there")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    moments = random.Random(0)
    command = [sys.executable, "-c", SAVE_BY_TURNS, str(path)]
    for _ in range(12):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"saved\n"
            time.sleep(moments.uniform(0, 0.05))
            child.kill()
        assert fastnn.load(path) in (OLD, NEW)
    NEW.save(path)
    assert fastnn.load(path) == NEW
    leftovers = [name for name in os.listdir(tmp_path) if name != path.name]
    assert all(name.startswith(".fastnn-") and name.endswith(".tmp") for name in leftovers)


class FullDisk:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self.file = file
        self.room = room

    def write(self, data: Any) -> int:
        written = bytes(data)[: self.room]
        self.file.write(written)
        self.room -= len(written)
        if len(written) < memoryview(data).nbytes:
            raise OSError(28, "No space left on device")
        return len(written)


@pytest.mark.parametrize("room", [0, 1, 8, 100, 10_000, 480_000])
def test_no_room_after_some_bytes(tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    before = path.read_bytes()
    original = files.replacing

    class Replacing:
        def __init__(self, target: Any) -> None:
            self.manager = original(target)

        def __enter__(self) -> FullDisk:
            return FullDisk(self.manager.__enter__(), room)

        def __exit__(self, *error: Any) -> Any:
            return self.manager.__exit__(*error)

    monkeypatch.setattr("fastnn.formats.native.replacing", Replacing)
    with pytest.raises(OSError, match="No space left"):
        NEW.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="folders are synchronised on POSIX")
def test_the_order_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def note(name: str) -> None:
        original = getattr(os, name)

        def noted(target: Any, *rest: Any, **settings: Any) -> Any:
            folder = isinstance(target, int) and os.path.isdir(f"/proc/self/fd/{target}")
            steps.append(f"{name} {'folder' if folder else 'file'}")
            return original(target, *rest, **settings)

        monkeypatch.setattr(os, name, noted)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("which descriptor is the folder's can't be told")
    note("fsync")
    note("replace")
    NEW.save(tmp_path / "net.safetensors")
    assert steps == ["fsync file", "replace file", "fsync folder"]


def test_a_folder_that_cannot_be_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.fsync

    def fails_for_folders(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(22, "Invalid argument")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fails_for_folders)
    NEW.save(tmp_path / "net.safetensors")
    assert fastnn.load(tmp_path / "net.safetensors") == NEW


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^\[Errno 2\] No such folder to write") as caught:
        NEW.save(tmp_path / "nowhere" / "net.safetensors")
    assert caught.value.filename == str(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links want rights there")
def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", tmp_path / "a" / "net.safetensors"):
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            NEW.save(path)
    (tmp_path / "c").symlink_to("new")
    NEW.save(tmp_path / "c")
    assert (tmp_path / "c").is_symlink()
    assert fastnn.load(tmp_path / "new") == NEW


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_or_a_device_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"^\[Errno 22\] No regular file, and not replaced by one: '"):
        NEW.save(path)
    assert path.is_fifo()
    with pytest.raises(IsADirectoryError):
        NEW.save(tmp_path)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o600, 0o604, 0o666])
def test_nobody_reads_a_private_file_meanwhile(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    path.chmod(mode)
    with files.replacing(path) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(sys.platform == "win32", reason="owners are POSIX's")
def test_the_owner_stays(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    path = tmp_path / "net.safetensors"
    OLD.save(path)
    os.chown(path, 1234, 5678)
    path.chmod(0o640)
    NEW.save(path)
    kept = path.stat()
    assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o777) == (1234, 5678, 0o640)
    assert fastnn.load(path) == NEW


@pytest.mark.skipif(sys.platform == "win32", reason="owners are POSIX's")
@pytest.mark.parametrize(("old", "new"), [(0o600, 0o600), (0o640, 0o600), (0o644, 0o644), (0o604, 0o604)])
def test_an_owner_that_cannot_be_kept(
    old: int, new: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(descriptor: int, user: int, group: int) -> None:
        asked.append((user, group))
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "net.safetensors"
    OLD.save(path)
    path.chmod(old)
    monkeypatch.setattr(os, "fchown", refuse)
    NEW.save(path)
    before = path.stat()
    assert asked == [(-1, before.st_gid), (before.st_uid, -1)]
    assert before.st_mode & 0o777 == new
    assert fastnn.load(path) == NEW


@pytest.mark.parametrize("path", [0, 2**40, -1, None, 1.5])
def test_what_is_no_path(path: object) -> None:
    with pytest.raises(TypeError):
        NEW.save(path)  # type: ignore[arg-type]
