"""Curvature at the solutions against the heights around them, at the end of training and at matched loss."""

import numpy as np
from scipy.stats import rankdata

from analyses.common.sets import GSS, SETS, SGD, STYLES, above_ends
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import holm, minima_by_set, pair_heights
from elsuite.landscapes.conversion import to_tensor
from elsuite.minimizers import LBFGSGSS
from elsuite.plotting import DOUBLE_COLUMN, SetStyle, new_figure, paper_style
from elsuite.stationary import hessian_spectrum, hessian_trace
from elsuite.studies import landscape_of_database

NETWORKS = ("fcp", "lstm")
N_EIGENVALUES, N_PROBES, MOST_SOLUTIONS = 3, 12, 8
MATCHED = f"{GSS}/at the loss of {SGD}"


def run(setup: Setup) -> None:
    """Measure the largest Hessian eigenvalues and the trace of the training loss, and heights of converged paths."""
    solutions, comparisons, correlations = [], [], []
    networks = [name for name in NETWORKS if name in setup.networks]
    for network in networks:
        with setup.database(network) as database:
            landscape = landscape_of_database(database, data_dir=setup.data_dir).on("train")
            rows = _solutions(database, landscape, network)
            rows += _matched(database, landscape, network, rows)
            heights = _mean_heights(database)
        for row in rows:
            row["mean_height"] = heights.get(row["minimum"], np.nan)
        solutions += rows
        comparisons += _comparisons(network, rows)
        correlations += _correlations(network, rows)
    write(solutions, setup.results / "solutions.csv")
    for table in (comparisons, correlations):
        for row, corrected in zip(table, holm([row["p_value"] for row in table]), strict=True):
            row["p_corrected"] = corrected
    write(comparisons, setup.results / "comparisons.csv")
    write(correlations, setup.results / "correlations.csv")
    _draw(setup, networks, solutions)


def _solutions(database, landscape, network):
    rows = []
    for name, ids in minima_by_set(database).items():
        chosen = ids[:MOST_SOLUTIONS]
        for minimum, point in zip(chosen.tolist(), database.coordinates(chosen), strict=True):
            rows.append({"network": network, "set": name, "minimum": minimum, **_curvature(landscape, point)})
    return rows


def _curvature(landscape, point):
    highest = hessian_spectrum(landscape, point, n_lowest=0, n_highest=N_EIGENVALUES, tolerance=1e-3).highest
    trace = hessian_trace(landscape, point, n_probes=N_PROBES)
    return {
        "loss": float(landscape.energy(to_tensor(point[None], dtype=landscape.dtype, device=landscape.device))[0]),
        **{f"eigenvalue_{k + 1}": value for k, value in enumerate(sorted(highest, reverse=True))},
        "trace": trace.value,
        "trace_error": trace.standard_error,
    }


def _matched(database, landscape, network, rows):
    """Return curvature where the runs of L-BFGS-GSS first reach the median loss of the SGD train solutions.

    At zero loss the curvature of the loss vanishes as well, so that solutions of different loss can't be compared.
    """
    target = float(np.median([row["loss"] for row in rows if row["set"] == f"{SGD}/train"]))
    runs = database.minima["run"].values[minima_by_set(database)[f"{GSS}/train"][:MOST_SOLUTIONS]]
    seeds = database.runs["seed"].values[runs].tolist()
    minimizer = LBFGSGSS(epochs=300, target_energy=target)
    found = minimizer.minimize(landscape, landscape.initial_points(seeds), seeds=seeds)
    points = [next(own for own in run.solutions if own.stopping == "train").coordinates for run in found]
    return [{"network": network, "set": MATCHED, "minimum": -1, **_curvature(landscape, point)} for point in points]


def _mean_heights(database):
    """Return the mean height above the higher end of each minimum's converged paths within its set."""
    sums: dict[int, list[float]] = {}
    for name, found in pair_heights(database, "train", finder="converged").items():
        if "~" not in name:
            above = above_ends(database, found, "train").heights
            for ends in (found.sources, found.targets):
                for minimum, height in zip(ends.tolist(), above.tolist(), strict=True):
                    sums.setdefault(minimum, []).append(height)
    return {minimum: float(np.mean(values)) for minimum, values in sums.items()}


def _comparisons(network, rows):
    pairs = ((f"{GSS}/train", f"{SGD}/train"), (f"{GSS}/test", f"{SGD}/test"), (MATCHED, f"{SGD}/train"))
    return [
        comparison(
            [row[quantity] for row in rows if row["set"] == a],
            [row[quantity] for row in rows if row["set"] == b],
            network=network,
            quantity=quantity,
            a=a,
            b=b,
        )
        for a, b in pairs
        for quantity in ("loss", "eigenvalue_1", "trace")
    ]


def _correlations(network, rows):
    """Return rank correlations of curvature and heights over the solutions of each set; p values are of shuffles."""
    table = []
    for name in SETS:
        own = [row for row in rows if row["set"] == name and np.isfinite(row["mean_height"])]
        for quantity in ("eigenvalue_1", "trace"):
            # Where all paths are as high as their ends, there is nothing to rank.
            if len(own) > 3 and np.ptp([row["mean_height"] for row in own]) > 0:
                ranks = [rankdata([row[key] for row in own]) for key in (quantity, "mean_height")]
                spearman, p_value = _correlation(*ranks)
                facts = {"network": network, "set": name, "quantity": quantity, "n": len(own)}
                table.append({**facts, "spearman": spearman, "p_value": p_value})
    return table


def _correlation(a, b, n_permutations=20_000):
    """Return the correlation of ranks, and the share of shuffles with at least as strong a one, one more counted."""
    a, b = ((own - own.mean()) / np.linalg.norm(own - own.mean()) for own in (a, b))
    shuffled = np.random.default_rng(0).permuted(np.tile(b, (n_permutations, 1)), axis=1) @ a
    return a @ b, (1 + (np.abs(shuffled) >= abs(a @ b) - 1e-12).sum()) / (1 + n_permutations)


def _draw(setup, networks, rows):
    styles = {**STYLES, MATCHED: SetStyle("#8E4585", "v")}
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.8)
        for ax, network in zip(figure.subplots(1, len(networks), squeeze=False)[0], networks, strict=True):
            for name in (*SETS, MATCHED):
                own = [row for row in rows if row["network"] == network and row["set"] == name]
                x, y = ([row[key] for row in own] for key in ("loss", "eigenvalue_1"))
                style = styles[name]
                ax.plot(x, y, style.marker, color=style.color, markerfacecolor=style.face, markersize=4, label=name)
            ax.set(xscale="log", yscale="log", xlabel="training loss", ylabel="largest Hessian eigenvalue")
            ax.set_title(network)
        ax.legend(fontsize=7)
        setup.save(figure, "curvature")


if __name__ == "__main__":
    main(run)
