"""One thread, and as many as before after it."""

from __future__ import annotations

import pytest
import torch
from threadpoolctl import threadpool_info

from eda_plugin.models.threads import one_thread


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
