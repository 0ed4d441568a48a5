"""The claims of the study, each with our effect size, its interval and a verdict by a fixed rule."""

import csv
from pathlib import Path

from analyses.common import published
from analyses.common.sets import GSS, SGD
from analyses.common.setup import NETWORKS, ROOT, Setup, main
from analyses.common.tables import write

START, END = "<!-- claims -->", "<!-- /claims -->"
SETTINGS = ("published", "converged", "aligned")
LARGER, SMALLER = "L-BFGS larger", "L-BFGS smaller"


def run(setup: Setup) -> None:
    """Collect the claims from the results of the other analyses."""
    claims = [*_losses(setup), *_weights(setup), *_distances(setup), *_heights(setup), *_separations(setup)]
    write(claims, setup.results / "claims.csv")
    if setup.scale == "desk":
        _into_findings(claims)


def _read(setup, analysis, table):
    path = ROOT / analysis / "results" / setup.scale / f"{table}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path}: run analyses.{analysis}.run at this scale first")
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("network") in setup.networks]


def _claim(row, claim, direction, **facts):
    """Return one claim; `row` has the difference L-BFGS minus SGD, its interval, and Cliff's delta."""
    low, high = float(row["low"]), float(row["high"])
    found = LARGER if low > 0 else SMALLER if high < 0 else "open"
    return {
        "claim": claim,
        "network": row["network"],
        "published": direction,
        "a": row["a"],
        "b": row["b"],
        **facts,
        **{key: float(row[key]) for key in ("mean_a", "mean_b", "difference")},
        "low": low,
        "high": high,
        **{key: float(row[key]) for key in ("cliffs_delta", "delta_low", "delta_high", "p_value")},
        "verdict": "open" if found == "open" else "holds" if found == direction else "refuted",
    }


def _direction(of_lbfgs, of_sgd):
    return LARGER if of_lbfgs > of_sgd else SMALLER


def _losses(setup):
    for row in _read(setup, "table_1", "differences"):
        surface = row["quantity"].partition(" ")[0]
        losses = [published.average_loss(row["network"], f"{minimizer}/{surface}") for minimizer in (GSS, SGD)]
        yield _claim(row, f"{surface} loss", _direction(*losses), setting="", surface=surface)


def _weights(setup):
    for row in _read(setup, "table_s1", "differences"):
        spread = [published.weights(row["network"], row[key])[1] for key in ("a", "b")]
        yield _claim(row, "weight standard deviation", _direction(*spread), setting="", surface="")


def _distances(setup):
    for row in _read(setup, "distances", "distances"):
        yield _claim(row, "distance to the common origin", LARGER, setting="", surface="")


def _heights(setup):
    """Yield heights by all settings: the article's protocol from path_heights, all others from converged_paths."""
    rows = [dict(row, setting="published") for row in _read(setup, "path_heights", "differences")]
    rows += [
        row
        for row in _read(setup, "converged_paths", "differences")
        if row["setting"] != "published" and row["quantity"] == "path height"
    ]
    for row in rows:
        # The article sees no lower heights of SGD for the autoencoder.
        direction = SMALLER if row["network"] == "autoencoder" else LARGER
        yield _claim(row, "path height", direction, setting=row["setting"], surface=row["surface"])


def _separations(setup):
    for row in _read(setup, "kernel_maps", "separation"):
        if row["kernel"] == "rbf, own width":
            continue  # ours, no claim of the article
        separates = row["kernel"] == "rbf"
        low, high = float(row["low"]), float(row["high"])
        # By the permutation test: an area is above a half by construction, so that its interval can't decide.
        apart = float(row["p_value"]) < 0.05
        yield {
            "claim": "first kernel component separates the sets",
            "network": row["network"],
            "published": "separates" if separates else "does not",
            "a": row["b"],
            "b": row["a"],
            "setting": row["kernel"],
            "surface": "",
            "difference": float(row["area_1"]),
            "low": low,
            "high": high,
            "p_value": float(row["p_value"]),
            "verdict": "holds" if apart == separates else "refuted" if apart else "open",
        }


def _into_findings(claims):
    path = ROOT / "FINDINGS.md"
    text = path.read_text("utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    parts = [
        _table(name, [row for row in claims if row["claim"] == name])
        for name in dict.fromkeys(c["claim"] for c in claims)
    ]
    path.write_text(before + START + "\n\n" + "\n\n".join(parts) + "\n\n" + END + after, "utf-8")
    print(Path(path))


def _table(name, rows):
    rows = sorted(rows, key=lambda row: (NETWORKS.index(row["network"]), row["setting"] not in SETTINGS[:1]))
    kernel = "kernel" in name
    head = ["network", "sets (a against b)", "kernel" if kernel else "paths", "published"]
    head += (
        ["area under the ROC curve [95 %]", "p"]
        if kernel
        else ["mean a", "mean b", "a - b [95 %]", "Cliff's delta [95 %]"]
    )
    lines = [f"### {name[0].upper() + name[1:]}", "", "| " + " | ".join([*head, "verdict"]) + " |"]
    lines.append("| --- " * (len(head) + 1) + "|")
    for row in rows:
        setting = row["setting"] + (f", {row['surface']} surface" if name == "path height" else "")
        cells = [row["network"], f"{row['a']}, {row['b']}", setting or "-", row["published"]]
        if kernel:
            cells += [_interval(row["difference"], row["low"], row["high"]), f"{row['p_value']:.2g}"]
        else:
            cells += [f"{row['mean_a']:.3g}", f"{row['mean_b']:.3g}"]
            cells += [_interval(row["difference"], row["low"], row["high"])]
            cells += [_interval(row["cliffs_delta"], row["delta_low"], row["delta_high"])]
        lines.append("| " + " | ".join([*cells, row["verdict"]]) + " |")
    return "\n".join(lines)


def _interval(value, low, high):
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


if __name__ == "__main__":
    main(run)
