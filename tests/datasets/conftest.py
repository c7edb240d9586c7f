"""What the tests of the datasets share."""

import pytest

from fas_plugin.datasets.record import read_manifest
from fas_plugin.datasets.synthetic import TWINS, make_twins


@pytest.fixture(scope="session")
def twins(tmp_path_factory):
    """Tiny twins of every dataset beyond OCIM. Copy before changing."""
    root = tmp_path_factory.mktemp("twins") / "root"
    make_twins(root, [domain for domain in TWINS if domain not in "OCIM"], size="tiny")
    return root


@pytest.fixture(scope="session")
def records(faces):
    """The manifest of the tiny synthetic OCIM."""
    return read_manifest(faces / "manifest.jsonl")
