"""Which frames: the published policies, by name."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fas_plugin.datasets.sampling import SAMPLINGS, get_sampling, uniform

NAMES = [*SAMPLINGS, "uniform:1", "uniform:2", "uniform:25"]


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_uniform_frames_are_distinct_ordered_and_spread(count, k):
    indices = uniform(count, k)
    assert len(indices) == min(k, count)
    assert indices == sorted(set(indices)) and indices[0] >= 0 and indices[-1] < count
    gaps = {b - a for a, b in pairwise(indices)}
    assert len(gaps) <= 1 or max(gaps) - min(gaps) == 1


@given(st.integers(1, 2_000), st.sampled_from(NAMES))
def test_every_policy_chooses_frames_that_are_there(count, name):
    indices = get_sampling(name).indices(count)
    assert indices and indices == sorted(set(indices))
    assert indices[0] >= 0 and indices[-1] < count


@pytest.mark.parametrize(
    ("name", "count", "indices"),
    [
        ("ssdg", 150, [6, 81]),  # 6 and 6 + floor(150 / 2)
        ("flip", 151, [6, 81]),
        ("ssdg:1", 150, [6]),
        ("ssdg", 10, [6, 9]),  # 6 + 5 is beyond the end
        ("ssdg", 3, [2]),
        ("ssan", 150, [0, 15, 30, 45, 60, 75, 90, 105]),  # N // 10 apart
        ("ssan", 9, [0]),
        ("uniform:2", 10, [2, 7]),
        ("all", 3, [0, 1, 2]),
    ],
)
def test_as_published(name, count, indices):
    assert get_sampling(name).indices(count) == indices


@pytest.mark.parametrize("name", ["uniform", "uniform:0", "uniform:-1", "uniform:²", "best", ""])
def test_an_unknown_policy_is_told_which_there_are(name):
    with pytest.raises(ValueError, match=r"ssdg, .*uniform:K"):
        get_sampling(name)
