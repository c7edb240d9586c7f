"""A synthetic OCIM: rendered faces and attacks, in the layouts of the real datasets."""

from fas_plugin.datasets.synthetic.make import MARKER, SyntheticRootError, make_ocim

__all__ = ["MARKER", "SyntheticRootError", "make_ocim"]
