"""One server for the tests that change nothing in it."""

import jsonschema_rs
import pytest
from serving import running

from fas_plugin.rewards.server import read_schema


@pytest.fixture(scope="session")
def server():
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def contract():
    """Its schemas, compiled."""
    return lambda name: jsonschema_rs.validator_for(read_schema(name))
