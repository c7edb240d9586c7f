"""What several tests of the rewards share."""

import json

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes a preset with some settings changed; returns its path."""

    def write(**changes):
        data = {
            "schema_version": 1,
            "name": "mine",
            "version": 3,
            "weights": {"format": 0.2, "class_consistency": 0.5, "reasoning_consistency": 0.3},
            "gates": {"reasoning_consistency": ["format", "class_consistency"]},
            "reasons": {"weights": "tried", "gates": "tried"},
        }
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({**data, **changes}))
        return str(path)

    return write
