"""Table S1: mean and standard deviation of all weights of each set, ours beside the published."""

import numpy as np

from analyses.common import published
from analyses.common.sets import GSS, SGD
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import minima_by_set, set_table


def run(setup: Setup) -> None:
    """Compare the weights of each set of minima."""
    rows, differences = [], []
    for network in setup.networks:
        with setup.database(network) as database:
            for summary in set_table(database):
                mean, std = published.weights(network, summary.name)
                rows.append(
                    {
                        "network": network,
                        "set": summary.name,
                        "published_mean": mean,
                        "mean": summary.weight_mean,
                        "published_std": std,
                        "std": summary.weight_std,
                        "norm": summary.norm,
                        "n": summary.n,
                    }
                )
            # A minimum is one observation, its weights are not: so each minimum's own spread is what is compared.
            spread = {name: np.std(database.coordinates(ids), axis=1) for name, ids in minima_by_set(database).items()}
        for surface in ("train", "test"):
            a, b = f"{GSS}/{surface}", f"{SGD}/{surface}"
            facts = {"network": network, "quantity": "weight standard deviation", "a": a, "b": b}
            differences.append(comparison(spread[a], spread[b], **facts))
    write(rows, setup.results / "weights.csv")
    write(differences, setup.results / "differences.csv")


if __name__ == "__main__":
    main(run)
