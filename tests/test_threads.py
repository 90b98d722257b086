"""One thread, and as many as before after it."""

from __future__ import annotations

import pytest
import torch
from threadpoolctl import threadpool_info

from eda_plugin.models.threads import fewer_threads, one_thread


def counts() -> list[int]:
    return [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]


def fails() -> None:
    with one_thread():
        assert set(counts()) == {1}
        raise ZeroDivisionError


def test_threads_come_back_even_after_an_error() -> None:
    before = counts()
    with pytest.raises(ZeroDivisionError):
        fails()
    assert counts() == before


@pytest.mark.parametrize(("before", "others", "left"), [(4, 1, 3), (4, 3, 1), (2, 3, 1), (1, 3, 1), (2, 0, 2)])
def test_others_threads_are_given_up_and_one_is_left(before: int, others: int, left: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(before)
    try:
        with fewer_threads(others):
            assert torch.get_num_threads() == left
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(threads)
