"""Files of every format: which one a file is, and how one is replaced."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from fastnn._core.checks import wrong_type

KINDS = ("safetensors", "keras", "onnx")  # what fastnn reads, by the formats' usual suffix
# By the suffix: the method of Network that writes such a file, or makes what its library writes.
METHODS = {
    ".safetensors": "save",
    ".onnx": "to_onnx",
    ".keras": "to_keras",
    ".h5": "to_keras",
    ".pt": "to_torch",
    ".pth": "to_torch",
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # which writing alone meets, without a name
PROTOCOLS = (b"\2", b"\3", b"\4", b"\5")  # of pickles
MAX_SHOWN = 80
MAX_NESTING = 100  # of JSON: under a high limit on recursion, Python's parser crashes
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
NO_BRACKETS = bytes(set(range(256)) - set(STEPS))


class ModelFileError(ValueError):
    """A model file is damaged, or isn't what it should be; the message says where and how."""


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return the format of a model file by its first bytes, or, where they say nothing, by its suffix.

    The formats go by their usual suffix without the dot; one that is no model's is returned as it is.
    """
    name = decoded(path)
    with open_file(path) as file:
        start = file.read(300)
        size = os.fstat(file.fileno()).st_size
    if not start:
        raise ModelFileError(f"{name} is empty, expected a model")
    # First, for the length of its header can look like the start of the others.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size:
        return "safetensors"
    if is_pickle(start):
        raise ModelFileError(
            f"{name} is a pickle, which could run any code: it isn't opened. If you trust it, "
            "load it with what wrote it, and save what fastnn makes of that: "
            "fastnn.from_torch(module).save(path), or fastnn.from_sklearn(estimator).save(path)"
        )
    if start.startswith(b"\x89HDF"):
        raise ModelFileError(f"{name} is HDF5, which Keras has given up: load it there, save it as .keras")
    if start.startswith(b"\x93NUMPY"):
        raise ModelFileError(f"{name} is a NumPy array, expected a model")
    if start.startswith(b"PK"):
        return "keras"
    return Path(name).suffix.lower().removeprefix(".")


def check_kind(path: str | os.PathLike[str], *expected: str, unknown: bool = False) -> str:
    """Return the format of a model file, which must be one of these, or with `unknown` none that is known."""
    kind = kind_of(path)
    if kind in expected or (unknown and kind not in KINDS):
        return kind
    wanted = f"expected {' or '.join(expected)}"
    if kind in KINDS:
        raise ModelFileError(
            f"{os.fsdecode(path)} looks like {kind}, {wanted}: fastnn.open_model reads all that fastnn can"
        )
    raise ModelFileError(f"{os.fsdecode(path)} is of another format, {wanted}")


def decoded(path: str | os.PathLike[str]) -> str:
    """Return a path as text, or say that it isn't one."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise wrong_type("path", path, "a str or path-like") from None


def check_suffix(path: str | os.PathLike[str], expected: str) -> None:
    """Raise if the name of a file to be written ends in another format's suffix."""
    name = decoded(path)
    suffix = Path(name).suffix.lower()
    if suffix in METHODS and suffix != expected:
        hint = f"for {suffix} see Network.{METHODS[suffix]}"
        raise ValueError(f"path is {name!r}, expected a name of a {expected} file: {hint}")


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a model file; one that is missing, or a folder, is an OSError that names it."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # A pipe may never begin, a device never end.
        raise ModelFileError(f"{os.fsdecode(path)} is a pipe or a device, expected a file")
    return open(path, "rb")


def is_pickle(start: bytes) -> bool:
    """Whether a file that starts so is a pickle, or PyTorch's zip file around one."""
    zipped = start.startswith(b"PK") and b"/data.pkl" in start
    return zipped or (start[:1] == b"\x80" and start[1:2] in PROTOCOLS)


def parse_json(data: bytes | str, what: str) -> Any:
    """Return what JSON from a file says: no name stands twice in an object, no number is NaN or infinite."""

    def no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                raise ValueError(f"{shown(name)} stands twice in an object")
            members[name] = value
        return members

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        if is_deep(text):
            raise ValueError(f"it has brackets in brackets, more than {MAX_NESTING} deep")
        return json.loads(text, object_pairs_hook=no_name_twice, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is no JSON: {error}") from error


def is_deep(text: str) -> bool:
    """Whether JSON has more brackets in brackets than is parsed; those in strings don't count."""
    brackets = STRING.sub(b"", text.encode("ascii", "replace")).translate(None, NO_BRACKETS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0) > MAX_NESTING


def visible(text: str) -> str:
    """Return a text with escapes for what could command a terminal or begin another line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """Return what stands in a file, as an error message shows it: in one line, and not at length."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of `path` in one step when the block ends well.

    At any moment the old file is there whole, or the new one; after an error, the old one. Whom the old one's
    mode keeps out can't read the temporary one either.
    """
    target = resolved(path)  # not a Path: where memory runs out, that is a TypeError
    folder = os.path.dirname(target)
    if os.path.exists(target) and not (os.path.isfile(target) or os.path.isdir(target)):
        # A device or a pipe would be gone, /dev/null for all.
        raise OSError(errno.EINVAL, "No regular file, and not replaced by one", target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder to write a file to", folder)
    temporary = os.path.join(folder, f".fastnn-{secrets.token_hex(8)}.tmp")
    name = os.fsencode(temporary)
    mode = 0o600 if os.path.exists(target) else 0o666  # of which the umask takes away
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            if os.path.exists(target):
                keep_rights(file, os.stat(target))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        remove(name)
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            error.filename = target
        raise
    if os.name == "posix":
        keep_entry(folder)


def remove(name: bytes) -> None:
    """Remove a file if it is there; where memory runs out, a second try may find some."""
    tries = 2
    while tries:
        try:
            os.unlink(name)
            return
        except OSError:
            return
        except MemoryError:
            tries -= 1


def keep_rights(file: BinaryIO, old: os.stat_result) -> None:
    """Give a file the mode of the one that it replaces and, where that is permitted, its group and owner.

    In this order nobody may read it meanwhile that may not in the end, and the mode is set while it is ours.
    """
    if sys.platform == "win32":
        os.chmod(file.name, old.st_mode)
        return
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.fchown(file.fileno(), -1, old.st_gid)
    except OSError:
        # Another group has no more rights than it and everyone had.
        mode &= ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    os.fchmod(file.fileno(), mode)
    with contextlib.suppress(OSError):
        os.fchown(file.fileno(), old.st_uid, -1)


def resolved(path: str | os.PathLike[str]) -> str:
    """Return the file that a path leads to, there or not; links that lead in a circle are an OSError."""
    path = decoded(path)
    with contextlib.suppress(FileNotFoundError):
        os.stat(path)  # realpath raises nothing
    return os.path.realpath(path)


def keep_entry(folder: str) -> None:
    """Make a renaming in a folder outlast a loss of power, where the file system can."""
    # What was renamed can't be taken back: not an error of the caller's any more.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
