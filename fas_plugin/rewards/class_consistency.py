"""Class-consistent reward: does the answer state the true class, and the instrument if asked to?"""

from __future__ import annotations

from collections.abc import Set

from fas_plugin.labels import FasClass, Label
from fas_plugin.rewards.instrument import family


def class_consistency_reward(
    answer: FasClass | None,
    truth: Label,
    named: Set[str] = frozenset(),
    instrument_credit: float = 0.0,
) -> float:
    """1.0 if the answer states the class of ``truth``, else 0.0, less what the instrument costs.

    The credit ``c`` concerns right answers to attacks whose instrument is known. They earn 1 with
    the right kind, 1 - c/2 with its family alone, 1 - c with the bare class and 1 - 2c with another
    instrument or several families. Naming one at random so pays only for a policy that is right
    more often than not, and a list of all of them never does.

    Args:
        answer: the class that the answer states, or None.
        truth: the label.
        named: the instruments that the answer names.
        instrument_credit: c, in [0, 0.25], so that any right class (0.5 or more) beats any wrong one.
    """
    if answer is not truth.cls:
        return 0.0
    if not instrument_credit or truth.instrument is None:
        return 1.0
    if not named:
        return 1.0 - instrument_credit
    if {family(name) for name in named} != {family(truth.instrument)}:
        return 1.0 - 2 * instrument_credit
    if named == {truth.instrument} or truth.instrument == family(truth.instrument):
        return 1.0  # data that knows the family alone can't judge the kind
    return 1.0 - instrument_credit / 2
