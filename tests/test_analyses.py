"""The folder of analyses: study files that load, folders that are whole, findings that say what their results say."""

import csv
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


def test_findings_say_what_the_results_say():
    with (ROOT / "findings/results/desk/claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = (ROOT / "FINDINGS.md").read_text("utf-8")
    table = text.split("<!-- claims -->")[1].split("<!-- /claims -->")[0]
    lines = [
        line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| network", "| ---"))
    ]
    assert len(lines) == len(rows) > 50
    for row in rows:
        shown = f"{float(row['difference']):.3g} [{float(row['low']):.3g}, {float(row['high']):.3g}]"
        assert any(shown in line and line.startswith(f"| {row['network']} |") for line in lines), shown
        assert row["verdict"] in ("holds", "open", "refuted")
