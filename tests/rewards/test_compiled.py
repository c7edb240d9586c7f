"""Loops that numba compiles."""

from fas_plugin.rewards.compiled import compiled


def test_a_loop_is_compiled_also_where_nothing_can_be_kept():
    namespace = {}
    exec("def double(number): return 2 * number", namespace)  # has no file, nor a place beside it
    assert compiled(namespace["double"])(4) == 8
