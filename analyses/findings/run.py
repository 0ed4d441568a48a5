"""The claims of the study, each with our effect size, its interval and a verdict by a fixed rule."""

import csv
from pathlib import Path

import numpy as np

from analyses.common import published
from analyses.common.sets import GSS, SGD
from analyses.common.setup import NETWORKS, ROOT, Setup, main
from analyses.common.tables import write
from elsuite.analysis import conclusion, equivalence_p_value, holm, verdict
from elsuite.analysis.comparison import FEWEST_VALUES
from elsuite.analysis.rank_tests import delta_interval, rank_sum_p_value

START, END = "<!-- claims -->", "<!-- /claims -->"
SETTINGS = ("published", "converged", "aligned")
LARGER, SMALLER, SEPARATES, NOT = "L-BFGS larger", "L-BFGS smaller", "separates", "does not"
# Which of both sets lies higher on a component means nothing: to separate is to have a larger area than a half.
CLAIMS = {LARGER: "larger", SMALLER: "smaller", SEPARATES: "larger", NOT: "equal"}
TESTED, EARLIER = "tested", "earlier rule: open until rerun"


def run(setup: Setup) -> None:
    """Collect the claims from the results of the other analyses."""
    claims = [*_losses(setup), *_weights(setup), *_distances(setup), *_heights(setup), *_separations(setup)]
    _decide(claims)
    write(claims, setup.results / "claims.csv")
    if setup.scale == "desk":
        _into_findings(claims)


def _decide(claims):
    """Give each claim its p values corrected for the whole table, and its verdict.

    What a row of the earlier rule does not say counts as tested and not rejected.
    """
    p_values = [row["p_value"] if row["rule"] == TESTED else 1.0 for row in claims]
    equivalences = [row["equivalence"] if row["rule"] == TESTED else 1.0 for row in claims]
    for row, p, equivalence in zip(claims, holm(p_values), holm(equivalences), strict=True):
        tested, enough, agrees = row["rule"] == TESTED, row.pop("enough"), row.pop("agrees")
        del row["equivalence"]
        row["p_corrected"] = p if tested else float("nan")
        row["p_equal_corrected"] = equivalence if tested else float("nan")
        delta = row["cliffs_delta"]
        found = conclusion(delta, p if agrees else 1.0, equivalence, enough=tested and enough)
        row["verdict"] = verdict(CLAIMS[row["published"]], found)


def _read(setup, analysis, table):
    path = ROOT / analysis / "results" / setup.scale / f"{table}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path}: run analyses.{analysis}.run at this scale first")
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("network") in setup.networks]


def _claim(row, claim, direction, **facts):
    """Return one claim; `row` has the difference L-BFGS minus SGD, its interval, and Cliff's delta."""
    numbers = {key: float(row[key]) for key in ("mean_a", "mean_b", "difference", "low", "high", "cliffs_delta")}
    n_a, n_b, delta = int(row["n_a"]), int(row["n_b"]), numbers["cliffs_delta"]
    if "interval_holds" in row:
        tested = {key: float(row[key]) for key in ("delta_low", "delta_high", "p_value", "effective_a", "effective_b")}
        enough, rule = row["interval_holds"] == "True", TESTED
    else:
        tested, enough, rule = _of_earlier(row, n_a, n_b, delta)
    effective = tested.pop("effective_a"), tested.pop("effective_b")
    return {
        "claim": claim,
        "network": row["network"],
        "published": direction,
        "a": row["a"],
        "b": row["b"],
        **facts,
        **numbers,
        **tested,
        "rule": rule,
        "equivalence": equivalence_p_value(delta, *effective),
        "enough": enough,
        "agrees": np.sign(numbers["low"]) == np.sign(numbers["high"]) == np.sign(delta),
    }


def _of_earlier(row, n_a, n_b, delta):
    """Return what a row says that was written before pairs were tested as pairs.

    Of independent values the number in each sample and Cliff's delta say all: the exact p value, the interval of
    delta. Of pairs they say the smallest p value that there can be, and nothing is decided.
    """
    p_value = p_value_of_delta(delta, n_a, n_b)
    if row["resampled"] == "minima":
        tested = {"delta_low": float(row["delta_low"]), "delta_high": float(row["delta_high"]), "p_value": p_value}
        return {**tested, "effective_a": 1.0, "effective_b": 1.0}, False, EARLIER
    low, high = delta_interval(delta, n_a, n_b, 0.95)
    tested = {"delta_low": low, "delta_high": high, "p_value": p_value, "effective_a": n_a, "effective_b": n_b}
    return tested, min(n_a, n_b) >= FEWEST_VALUES, TESTED


def p_value_of_delta(delta, n_a, n_b):
    """Return the exact p value of two samples of which only the sizes and Cliff's delta are known.

    Without ties it depends on nothing else, so that of any such samples is taken.
    """
    wins = round((1 + delta) / 2 * n_a * n_b)
    above, rest = divmod(wins, n_b)
    a = np.array([n_b + k for k in range(above)] + [rest - 0.5] + [-1.0 - k for k in range(n_a - above - 1)])[:n_a]
    return rank_sum_p_value(a, np.arange(float(n_b)))


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
        area, n_a, n_b = float(row["area_1"]), int(row["n_a"]), int(row["n_b"])
        yield {
            "claim": "first kernel component separates the sets",
            "network": row["network"],
            "published": SEPARATES if separates else NOT,
            "a": row["b"],
            "b": row["a"],
            "setting": row["kernel"],
            "surface": "",
            "difference": area,
            "low": float(row["low"]),
            "high": float(row["high"]),
            "cliffs_delta": 2 * area - 1,
            "p_value": float(row["p_value"]),
            "rule": TESTED,
            "equivalence": equivalence_p_value(2 * area - 1, n_a, n_b),
            "enough": min(n_a, n_b) >= FEWEST_VALUES,
            "agrees": True,  # the area is one of ranks, as the test
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
    head += ["area under the ROC curve [95 %]"] if kernel else ["mean a", "mean b", "a - b [95 %]"]
    head += [] if kernel else ["Cliff's delta [95 %]"]
    lines = [f"### {name[0].upper() + name[1:]}", "", "| " + " | ".join([*head, "p", "corrected", "verdict"]) + " |"]
    lines.append("| --- " * (len(head) + 3) + "|")
    for row in rows:
        setting = row["setting"] + (f", {row['surface']} surface" if name == "path height" else "")
        cells = [row["network"], f"{row['a']}, {row['b']}", setting or "-", row["published"]]
        if not kernel:
            cells += [f"{row['mean_a']:.3g}", f"{row['mean_b']:.3g}"]
        cells += [_interval(row["difference"], row["low"], row["high"])]
        if not kernel:
            cells += [_interval(row["cliffs_delta"], row["delta_low"], row["delta_high"])]
        cells += _p_values(row)
        lines.append("| " + " | ".join([*cells, row["verdict"]]) + " |")
    return "\n".join(lines)


def _p_values(row):
    if row["rule"] == EARLIER:
        return [f"at least {row['p_value']:.2g}", "-"]
    return [f"{row['p_value']:.2g}", f"{row['p_corrected']:.2g}"]


def _interval(value, low, high):
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


if __name__ == "__main__":
    main(run)
