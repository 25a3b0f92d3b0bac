"""What `fastnn predict` does beside the computing: in order, with its errors, and ended with it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from fastnn.predict.beside import Beside


def test_order_and_end() -> None:
    done: list[int] = []
    with Beside(2) as beside:
        for i in range(100):
            beside.do(partial(done.append, i))
    assert done == list(range(100))


def test_at_most_so_many_are_undone() -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        begun.release()
        go.wait()

    with Beside(2) as beside:
        for _ in range(2):
            beside.do(wait)
        asking = threading.Thread(target=beside.do, args=(wait,))
        asking.start()
        begun.acquire()
        asking.join(0.2)
        assert asking.is_alive()
        go.set()
        asking.join()


def fail() -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_errors_come_to_who_asked(times: int) -> None:
    def ask() -> None:
        with Beside() as beside:
            for _ in range(times):
                beside.do(fail)
            assert times < 2

    with pytest.raises(OSError, match="full"):
        ask()


def test_after_an_error_nothing_more_begins() -> None:
    go, done = threading.Event(), []

    def ask() -> None:
        with Beside(3) as beside:
            beside.do(lambda: done.append(go.wait(60)))
            beside.do(lambda: done.append(False))
            threading.Timer(0.2, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask()
    assert done == [True]
