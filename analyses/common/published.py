"""The published numbers (arXiv:2602.21276), from published.json."""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["average_loss", "figure_3", "weights"]

# The article's columns of tables 1 and S1, by the names of our sets.
COLUMNS = {
    "lbfgs-gss/train": "train_lbfgs",
    "sgd/train": "train_sgd",
    "lbfgs-gss/test": "test_lbfgs",
    "sgd/test": "test_sgd",
}


@cache
def _published() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("published.json").read_text("utf-8"))


def _value(table: str, network: str, set_name: str) -> Any:
    values = _published()[table]
    return values[network][values["columns"].index(COLUMNS[set_name])]


def average_loss(network: str, set_name: str) -> float:
    """Return the mean loss of a set in table 1: training loss of train sets, test loss of test sets."""
    return float(_value("table_1_average_loss", network, set_name))


def weights(network: str, set_name: str) -> tuple[float, float]:
    """Return mean and standard deviation of all weights of a set in table S1."""
    mean, std = _value("table_s1_weight_mean_and_standard_deviation", network, set_name)
    return float(mean), float(std)


def figure_3() -> dict[str, Any]:
    """Return what is known of the two-dimensional example."""
    return dict(_published()["figure_3"])
