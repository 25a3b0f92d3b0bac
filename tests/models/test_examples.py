"""The docstrings' examples that need a package which fastnn doesn't: here they are run."""

from __future__ import annotations

import doctest
import re

import pytest
from support import needs

from fastnn import models, network

# Keras's own, of its arrays on PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

EXAMPLES = [
    test
    for module in (models, network)
    for test in doctest.DocTestFinder().find(module)
    if any(doctest.SKIP in example.options for example in test.examples)
]


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_example(test: doctest.DocTest) -> None:
    for example in test.examples:
        for package in re.findall(r"(?:^import |^from |\.to_)(\w+)", example.source):
            needs(package)
        example.options.pop(doctest.SKIP, None)
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
