"""Table 1: mean training and test loss of each set, ours beside the published."""

from analyses.common import published
from analyses.common.sets import GSS, SGD
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, mean_interval, write
from elsuite.analysis import minima_by_set


def run(setup: Setup) -> None:
    """Compare the mean training and test loss of each set of minima."""
    means, differences = [], []
    for network in setup.networks:
        with setup.database(network) as database:
            energies = database.minima["energy"].values
            sets = minima_by_set(database)
            for surface, column in zip(database.surfaces, energies.T, strict=True):
                for minimizer in (GSS, SGD):
                    name = f"{minimizer}/{surface}"
                    mean, low, high = mean_interval(column[sets[name]])
                    means.append(
                        {
                            "network": network,
                            "set": name,
                            "loss": surface,
                            "published": published.average_loss(network, name),
                            "mean": mean,
                            "low": low,
                            "high": high,
                            "lowest": column[sets[name]].min(),
                            "n": len(sets[name]),
                        }
                    )
                a, b = f"{GSS}/{surface}", f"{SGD}/{surface}"
                facts = {"network": network, "quantity": f"{surface} loss", "a": a, "b": b}
                differences.append(comparison(column[sets[a]], column[sets[b]], **facts))
    write(means, setup.results / "mean_losses.csv")
    write(differences, setup.results / "differences.csv")


if __name__ == "__main__":
    main(run)
