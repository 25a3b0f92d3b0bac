"""A wheel says of each library that was copied into it under which licence it is, and brings the text."""

import re
from fnmatch import fnmatch
from importlib.metadata import PackagePath, files

import pytest

FILES = files("fastnn") or []
# The folders of auditwheel and delvewheel, and of delocate.
COPIED = re.compile(r"(fastnn\.libs|fastnn/\.dylibs)/.*\.(so|dll|dylib)\b")
LIBRARIES = [path for path in FILES if COPIED.match(path.as_posix())]
if not LIBRARIES:
    pytest.skip("needs a wheel that libraries were copied into, installed", allow_module_level=True)
TEXTS = {path.name: path.read_text() for path in FILES if "licenses" in path.parts}


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_library_is_named(library: PackagePath) -> None:
    named = re.findall(r"^Files: (.*)$", TEXTS["bundled.txt"], re.MULTILINE)
    patterns = [pattern for line in named for pattern in line.split()]
    assert any(fnmatch(library.as_posix(), pattern) for pattern in patterns)


def test_the_texts_are_there() -> None:
    texts = re.findall(r"[\w.-]+\.txt", TEXTS["bundled.txt"])
    assert texts
    assert all(TEXTS[name] for name in texts)
