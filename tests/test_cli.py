"""What every command of the command line owes its users."""

import pytest

from fas_plugin.cli import main

COMMANDS = [
    *("score", "serve", "audit", "rewards show", "warm-up", "run start", "run collect"),
    *("data synthesize", "data scan", "data prepare", "data show", "data protocol", "data export"),
    *("evaluate", "compare"),
]


def help_of(capsys, *command):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_of_itself(command, capsys):
    example = help_of(capsys, *command.split()).partition("example:\n")[2]
    assert f"fas-plugin {command}" in example


@pytest.mark.parametrize("group", ["", "data", "run", "rewards"])
def test_every_command_is_listed_in_words(group, capsys):
    text = help_of(capsys, *group.split())
    inside = [c.removeprefix(group).split()[0] for c in COMMANDS if c.startswith(group)]
    assert all(f" {name}" in text for name in inside)
    assert "{'" not in text and "None" not in text


def test_a_mistake_is_one_line_without_a_traceback(capsys):
    assert main(["score", "--preset", "nonsense"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("fas-plugin: unknown preset 'nonsense'") and error.count("\n") == 1
