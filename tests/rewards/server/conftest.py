"""One server for the tests that change nothing in it."""

import pytest
from serving import running


@pytest.fixture(scope="session")
def server():
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def contract():
    """Its schemas, compiled."""
    import jsonschema_rs

    from fas_plugin.rewards.server.contract import read_schema

    return lambda name: jsonschema_rs.validator_for(read_schema(name))
