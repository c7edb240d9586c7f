"""Loops over arrays, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """``function``, compiled when it is first called and kept for later processes.

    The cache looks at the function's own file alone, so what it calls or takes a constant from must
    stand in that file too. Where nothing can be kept, each process compiles anew: some seconds.
    """
    try:
        return njit(function, cache=True, error_model="numpy")
    except RuntimeError:  # no folder for the cache that can be written to
        return njit(function, error_model="numpy")
