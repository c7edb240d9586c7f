"""Synthetic twins of the datasets: rendered faces and attacks, in the layouts of the real ones."""

from fas_plugin.datasets.synthetic.make import (
    MARKER,
    SIZES,
    TWINS,
    SyntheticRootError,
    make_ocim,
    make_twins,
    twin_layout,
)

__all__ = [
    "MARKER",
    "SIZES",
    "TWINS",
    "SyntheticRootError",
    "make_ocim",
    "make_twins",
    "twin_layout",
]
