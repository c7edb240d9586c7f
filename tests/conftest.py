"""What several test folders share: one tiny synthetic OCIM, made once."""

import pytest
from hypothesis import settings

from fas_plugin.datasets.prepare import prepare
from fas_plugin.datasets.synthetic import make_ocim

# How long an example takes is the machine's business, not what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def ocim(tmp_path_factory):
    """A tiny synthetic OCIM. Copy it before changing it."""
    root = tmp_path_factory.mktemp("ocim") / "root"
    make_ocim(root, size="tiny")
    return root


@pytest.fixture(scope="session")
def faces(ocim, tmp_path_factory):
    """Its face crops and manifest."""
    out = tmp_path_factory.mktemp("faces") / "out"
    prepare(ocim, out, image_size=112)
    return out
