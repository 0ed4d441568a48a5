"""The folder of analyses: study files that load, folders that are whole, findings that say what their results say."""

import csv
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.making

ROOT = Path(__file__).resolve().parents[1] / "analyses"
STUDIES = sorted(ROOT.glob("studies/*/*.toml"))
FOLDERS = sorted(path.parent for path in ROOT.glob("*/run.py"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_study_files_are_valid(path):
    from elsuite.studies import load_study

    study, _ = load_study(path)
    assert study.paths


def test_each_scale_has_a_study_for_each_network():
    from elsuite.landscapes import ARCHITECTURES

    for scale in ("smoke", "desk", "published"):
        assert set(ARCHITECTURES) <= {path.stem for path in STUDIES if path.parent.name == scale}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_analysis_is_listed_with_its_command(folder):
    command = f"python -m analyses.{folder.name}.run"
    assert command in (folder / "README.md").read_text("utf-8")
    assert f"[{folder.name}]({folder.name}/)" in (ROOT / "README.md").read_text("utf-8")
    assert list((folder / "results" / "desk").iterdir())


def rows_of(name):
    with (ROOT / name).open(newline="") as file:
        return list(csv.DictReader(file))


def number_of(text):
    return float(text) if text else float("nan")


def test_findings_say_what_the_results_say():
    rows = rows_of("findings/results/desk/claims.csv")
    text = (ROOT / "FINDINGS.md").read_text("utf-8")
    table = text.split("<!-- claims -->")[1].split("<!-- /claims -->")[0]
    lines = [
        line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| network", "| ---"))
    ]
    assert len(lines) == len(rows) > 50
    for row in rows:
        shown = f"{float(row['difference']):.3g} [{float(row['low']):.3g}, {float(row['high']):.3g}]"
        p = f"| {float(row['p_value']):.2g} | " if row["rule"] == "tested" else "| at least "
        ends = f" {row['verdict']} |"
        found = [own for own in lines if shown in own and own.startswith(f"| {row['network']} |")]
        assert any(p in own and own.endswith(ends) for own in found), (shown, p, ends)
        assert row["verdict"] in ("holds", "open", "refuted")
    counts = Counter(row["verdict"] for row in rows)
    later = sum(row["rule"] != "tested" for row in rows)
    said = (
        f"Of {len(rows)} rows {counts['holds']} hold, {counts['refuted']} are refuted and {counts['open']} are open, "
        f"{later} of these until the databases are rerun."
    )
    assert said in text
    assert f"corrected by Holm for all {len(rows)} rows" in text


def test_claims_are_decided_by_the_one_rule():
    from elsuite.analysis import conclusion, holm, verdict

    rows = rows_of("findings/results/desk/claims.csv")
    tested = [row["rule"] == "tested" for row in rows]
    corrected = holm([float(row["p_value"]) if own else 1.0 for row, own in zip(rows, tested, strict=True)])
    claims = {"L-BFGS larger": "larger", "L-BFGS smaller": "smaller", "separates": "larger", "does not": "equal"}
    for row, own, p in zip(rows, tested, corrected, strict=True):
        if not own:
            assert row["claim"] == "path height"
            assert row["verdict"] == "open"
            continue
        assert float(row["p_corrected"]) == pytest.approx(p, rel=1e-4)
        delta = float(row["cliffs_delta"])
        if row["claim"] != "first kernel component separates the sets" and p < 0.05:
            # The interval of the difference lies on the side that the ranks say.
            assert (float(row["low"]) > 0) == (float(row["high"]) > 0) == (delta > 0)
        found = conclusion(delta, p, float(row["p_equal_corrected"]))
        assert row["verdict"] == verdict(claims[row["published"]], found)


def test_a_p_value_follows_from_the_sizes_and_delta():
    import numpy as np
    from scipy.stats import mannwhitneyu

    from analyses.findings.run import p_value_of_delta

    random = np.random.default_rng(0)
    for _ in range(200):
        a, b = random.normal(size=random.integers(1, 12)) + 1, random.normal(size=random.integers(1, 12))
        delta = np.sign(a[:, None] - b).mean()
        expected = mannwhitneyu(a, b, method="exact").pvalue
        assert p_value_of_delta(delta, len(a), len(b)) == pytest.approx(expected)


def test_comparisons_of_curvature_follow_from_the_solutions():
    from elsuite.analysis import compare, holm

    solutions = rows_of("curvature/results/desk/solutions.csv")
    rows = rows_of("curvature/results/desk/comparisons.csv")
    for row in rows:
        a, b = (
            [float(own[row["quantity"]]) for own in solutions if (own["network"], own["set"]) == (row["network"], name)]
            for name in (row["a"], row["b"])
        )
        found = compare(a, b)
        assert found.difference == pytest.approx(float(row["difference"]), rel=1e-4)
        assert found.interval == pytest.approx((float(row["low"]), float(row["high"])), rel=1e-3)
        assert found.p_value == pytest.approx(float(row["p_value"]), rel=1e-4)
    for table in (rows, rows_of("curvature/results/desk/correlations.csv")):
        corrected = holm([float(row["p_value"]) for row in table])
        assert [float(row["p_corrected"]) for row in table] == pytest.approx(corrected.tolist(), rel=1e-4)


def test_numbers_in_the_text_are_in_the_tables():
    text = " ".join((ROOT / "FINDINGS.md").read_text("utf-8").split())
    curvature = {
        (row["network"], row["quantity"]): row
        for row in rows_of("curvature/results/desk/comparisons.csv")
        if row["a"].endswith("at the loss of sgd")
    }
    for network in ("fcp", "lstm"):
        row, loss = curvature[network, "eigenvalue_1"], curvature[network, "loss"]
        assert f"{float(row['mean_a']):.3g} against {float(row['mean_b']):.3g}" in text
        assert f"[{float(row['low']):.3g}, {float(row['high']):.3g}]" in text
        assert f"{1 - float(loss['mean_a']) / float(loss['mean_b']):.0%}".replace("%", f" % ({network})") in text
    optimizers = {
        (row["quantity"], row["a"], row["b"]): row for row in rows_of("optimizers/results/desk/differences.csv")
    }
    adam = optimizers["weight standard deviation", "lbfgs-gss/test", "adam/test"]
    assert (
        f"({float(adam['mean_b']):.3g} and {float(adam['mean_a']):.3g}, p = {float(adam['p_value']):.2f}) open" in text
    )
    wolfe = optimizers["train loss", "lbfgs-wolfe/train", "lbfgs-gss/train"]
    assert f"{float(wolfe['mean_a']):.2g}, L-BFGS-GSS at {float(wolfe['mean_b']):.2g}" in text
    searched = {
        (row["network"], row["sets"]): int(row["n_pairs"]) for row in rows_of("superbasins/results/desk/heights.csv")
    }
    for network, words in (("lstm", "{} of the 45 pairs"), ("autoencoder", "{} of 45"), ("fcp", "{} of 120")):
        assert words.format(searched[network, "lbfgs-gss/train"]) in text
    example = rows_of("two_dimensional_example/results/desk/heights.csv")
    heights = {row["path"]: number_of(row["height"]) for row in example}
    shown = ", ".join(f"{heights[f'lambda_{strength}']:.3f}" for strength in (10, 100, 1000))
    assert f"come out as {shown} on the points" in text
