"""The numerical libraries' threads: sums of several hang on their number, so what must be the same anywhere is computed by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_info, threadpool_limits

__all__ = ["fewer_threads", "one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of PyTorch and of the linear algebra below NumPy and scikit-learn in this block; afterwards as many as before."""
    with fewer_threads(torch.get_num_threads() - 1):
        yield


@contextmanager
def fewer_threads(others: int) -> Iterator[None]:
    """In this block ``others`` fewer than before, one at least: threads that wait for each other on a busy core waste it."""
    threads = torch.get_num_threads()
    left = max(threads - others, 1)
    try:
        with threadpool_limits({pool["prefix"]: min(pool["num_threads"], left) for pool in threadpool_info()}):
            torch.set_num_threads(left)  # last: its pool may share a name with another's that has fewer
            yield
    finally:
        torch.set_num_threads(threads)
