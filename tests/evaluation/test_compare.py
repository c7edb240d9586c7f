"""Runs beside published numbers, in a terminal, in Markdown and in LaTeX; differences are tested."""

import re
from dataclasses import replace

import pytest
from samples import make

from fas_plugin.cli import main
from fas_plugin.evaluation.compare import compare, differences, published_results, read_runs
from fas_plugin.evaluation.predictions import PredictionsError, write_predictions
from fas_plugin.evaluation.tables import FORMATS, Table, render


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two systems on M, one of them also on C."""
    folder = tmp_path_factory.mktemp("runs")
    for name, made in {
        "weak_M": make(240, 0.5),
        "good_M": make(240, 3.0, seed=1),
        "good_C": make(240, 3.0, seed=2, protocol="ocim_loo_C"),
    }.items():
        write_predictions(folder / name / "predictions.parquet", made)
    return folder


def arguments(runs):
    return [f"good={runs}/good_M", f"good={runs}/good_C", f"a_b&c={runs}/weak_M"]


def test_published_rows_recompute_to_their_printed_means():
    """FLIP-MCL 3.01, I-FAS 1.33 / 99.50 and FaceCoT 1.06 / 99.85 on OCIM; I-FAS 11.30 on eleven."""
    entries = {(e["method"], e["protocol_family"]): e for e in published_results()["entries"]}

    def mean(method, family, key):
        values = [r[key] for r in entries[method, family]["results"].values()]
        return round(sum(values) / len(values), 2)

    assert mean("FLIP-MCL", "ocim_loo", "hter") == 3.01
    assert (mean("I-FAS", "ocim_loo", "hter"), mean("I-FAS", "ocim_loo", "auc")) == (1.33, 99.50)
    assert mean("FaceCoT", "ocim_loo", "hter") == 1.06
    assert mean("FaceCoT", "ocim_loo", "auc") == pytest.approx(99.85, abs=0.011)  # theirs, rounded
    assert mean("FLIP-MCL", "ocim_single", "hter") == 4.84
    for method in ("I-FAS", "FaceCoT-100K", "FaceCoT-All"):
        entry = entries[method, "celeba_to_eleven"]
        assert len(entry["results"]) == 11
        assert mean(method, "celeba_to_eleven", "hter") == entry["mean"]["hter"]
        assert mean(method, "celeba_to_eleven", "auc") == pytest.approx(
            entry["mean"]["auc"], abs=0.011
        )


def test_every_published_row_has_a_source_and_says_how_it_came_about():
    for entry in published_results()["entries"]:
        assert entry["source"] and entry["threshold"] and entry["training_data"]
        for found in entry["results"].values():
            assert 0 <= found["hter"] <= 100
            assert found["auc"] is None or 0 <= found["auc"] <= 100


def test_differences_are_found_and_nothing_is_found_where_there_is_none():
    [real] = differences("p", {"good": make(240, 3.0), "weak": make(240, 0.5)})
    assert real.auc_p < 0.01 and real.hter_p < 0.05
    assert real.auc_interval[0] < real.auc < real.auc_interval[1] and real.auc > 0
    [none] = differences("p", {"a": make(240, 1.0), "b": make(240, 1.0)})
    assert none.auc == 0 and none.auc_p == 1.0


def test_tables_hold_runs_published_rows_and_p_values(runs):
    ideal, honest, paired = compare(read_runs(arguments(runs)))
    assert ideal.header[1:] == ("O&C&I→M", "O&M&I→C", "O&C&M→I", "I&C&M→O", "mean")
    names = [row[0] for row in ideal.rows]
    assert names[:2] == ["good (synthetic)", "a_b&c (synthetic)"]
    assert any(name.startswith("FLIP-MCL") for name in names)
    assert ideal.rows[1][2] == "–"  # the weak one was not run on C
    assert any("CelebA-Spoof" in note for note in ideal.notes)
    assert any("idealised" in note for note in ideal.notes)
    assert len(honest.rows) == 3  # SSDG-R was re-run with the threshold of its sources
    assert not any("source-validation" in name for name in names)
    assert honest.rows[2][1] == "11.19"
    [row] = paired.rows
    assert re.fullmatch(r"good − a_b&c", row[0]) and row[1] == "O&C&I→M"


@pytest.mark.parametrize("form", FORMATS)
def test_command(runs, capsys, form):
    assert main(["compare", *arguments(runs), "--format", form]) == 0
    out = capsys.readouterr().out
    assert "FLIP-MCL" in out and "4.95 / 98.11" in out
    if form == "latex":
        body = out.replace(r"\&", "").replace(r"\_", "").replace(r"\%", "")
        assert out.count(r"\begin{table}") == out.count(r"\end{table}") == 3
        assert r"a\_b\&c" in out and "→" not in out
        for table in re.findall(r"\\midrule\n(.*?)\\bottomrule", body, re.DOTALL):
            assert len({line.count("&") for line in table.splitlines() if line.strip()}) == 1
    if form == "markdown":
        blocks = [b for b in out.split("\n\n") if b.startswith("|")]
        for block in blocks:
            assert len({line.count("|") for line in block.splitlines()}) == 1
    if form == "text":
        lines = [line for line in out.splitlines() if "(synthetic)" in line]
        assert len({len(line) for line in lines[:2]}) == 1  # columns stand below each other


def test_a_protocol_with_several_targets_has_a_column_for_each(tmp_path):
    """CelebA-Spoof to eleven sets, of which two were tested."""
    made = make(240, 2.0, protocol="celeba_to_eleven")
    moved = tuple(
        replace(p, sample=replace(p.sample, domain="W"))
        if p.sample.split == "test" and i % 4 < 2
        else p
        for i, p in enumerate(made.predictions)
    )
    write_predictions(tmp_path / "ours" / "predictions.parquet", replace(made, predictions=moved))
    ideal, _ = compare(read_runs([str(tmp_path / "ours")]))
    assert len(ideal.header) == 1 + 11 + 1
    ours = dict(zip(ideal.header, ideal.rows[0], strict=True))
    assert {name for name, cell in ours.items() if name and cell != "–"} == {"M", "W"}
    assert any("FaceCoT-All" in row[0] and "6.30 / 97.77" in row[-1] for row in ideal.rows)


def test_hostile_names_do_no_harm():
    table = Table("t\x1b[2J", ("a|b", "x"), (("\x1b[31m|&_\\", "1"),), ("$\n",))
    assert "\x1b" not in "".join(render([table], form) for form in FORMATS)
    assert "a\\|b" in render([table], "markdown")
    assert r"\&\_\textbackslash{}" in render([table], "latex")


def test_bad_input_is_named(runs, capsys):
    with pytest.raises(PredictionsError, match="'ocim_loo_M' twice"):
        read_runs([f"x={runs}/good_M", f"x={runs}/weak_M"])
    write_predictions(runs / "short" / "predictions.parquet", make(200, 1.0))
    assert main(["compare", f"{runs}/good_M", f"{runs}/short"]) == 1
    error = capsys.readouterr().err
    assert "short: 40 samples of good_M are not predicted: M/test/100#0, M/test/100#1" in error
    assert main(["compare", str(runs / "nowhere")]) == 1
    assert "no predictions there" in capsys.readouterr().err
    assert main(["compare", f"{runs}/good_M", "--format", "pdf"]) == 1
    assert "expected one of text, markdown, latex" in capsys.readouterr().err
