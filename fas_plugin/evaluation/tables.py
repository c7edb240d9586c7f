"""Tables that print well in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

FORMATS = ("text", "markdown", "latex")


@dataclass(frozen=True)
class Table:
    """The first column is text and set left, the others are numbers and set right.

    Attributes:
        notes: sentences below the table.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def render(tables: Sequence[Table], form: str) -> str:
    """All tables, one after the other.

    Raises:
        ValueError: ``form`` is none of :data:`FORMATS`.
    """
    if form not in FORMATS:
        raise ValueError(f"format {form!r}: expected one of {', '.join(FORMATS)}")
    write = {"text": _text, "markdown": _markdown, "latex": _latex}[form]
    return "\n\n".join(write(table) for table in tables)


def _text(table: Table) -> str:
    lines = [table.header, *table.rows]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(table.header))]
    out = [_printable(table.title)]
    for number, line in enumerate(lines):
        cells = [
            _pad(cell, width, left=i == 0)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  " + "  ".join(cells).rstrip())
        if not number:
            out.append("  " + "  ".join("─" * width for width in widths))
    return "\n".join([*out, *(f"  {_printable(note)}" for note in table.notes)])


def _pad(cell: str, width: int, left: bool) -> str:
    gap = " " * (width - _width(cell))
    return _printable(cell) + gap if left else gap + _printable(cell)


def _width(text: str) -> int:
    """Columns of a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in _printable(text)
    )


def _printable(text: str) -> str:
    """Names come from files; a terminal must not obey them."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_printable(c).replace("|", "\\|") for c in cells) + " |"

    rule = "|---|" + "---:|" * (len(table.header) - 1)
    body = [line(table.header), rule, *map(line, table.rows)]
    notes = [f"{_printable(note)}  " for note in table.notes]
    return "\n".join(
        [f"**{_printable(table.title)}**", "", *body, *(["", *notes] if notes else [])]
    )


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "Δ": r"$\Delta$",
    "<": r"$<$",
    ">": r"$>$",
    "†": r"$\dagger$",
}


def _latex(table: Table) -> str:
    def escaped(text: str) -> str:
        return "".join(_LATEX.get(c, c) for c in _printable(text))

    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(escaped, cells)) + r" \\"

    caption = " ".join([table.title + ".", *table.notes])
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
            r"\toprule",
            line(table.header),
            r"\midrule",
            *map(line, table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def percent(value: float | None, digits: int = 1) -> str:
    """A rate in [0, 1] in per cent, with the sign; a dash where there is none."""
    number = bare_percent(value, digits)
    return number if number == "–" else f"{number} %"


def bare_percent(value: float | None, digits: int = 2) -> str:
    """The same without the sign, for tables that say the unit once."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f}"
