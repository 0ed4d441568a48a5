"""What a dry run estimates, against what the searches take."""

import numpy as np
import pytest

from elsuite.studies import parse_study
from elsuite.studies.preview import estimate_cost

TEXT = """
[data]
name = "digits"
n_train = 50
n_test = 20
[network]
architecture = "fcp"
hidden = [4]
[[minimizers]]
algorithm = "sgd"
starts = 3
epochs = 2
[[paths]]
setting = "published"
surface = "train"
pairs = "random"
within = 1
{}
"""


@pytest.mark.parametrize(
    ("setting", "gradients"),
    # On the whole data the two ends of the grid are not asked for.
    [("", 100 * 48), ("n_steps = 7", 7 * 48), ("images_per_step = 5", 100 * 50 / 10)],
)
def test_searches_of_a_fixed_number_of_steps_are_counted(setting, gradients):
    stage = estimate_cost(parse_study(TEXT.format(setting)))["stages"][-1]
    # Two sets with a pair each; heights cost some energies on top.
    assert 2 * gradients < stage["gradients"] < 2 * (gradients + 100)


@pytest.mark.parametrize("n", [2, 3, 96, 300])
def test_few_samples_cost_something_too(n, tmp_path):
    arrays = {"train_inputs": np.ones((n, 5), "f4"), "train_targets": np.arange(n) % 2}
    np.savez(tmp_path / "own.npz", **arrays, test_inputs=np.ones((2, 5), "f4"), test_targets=np.arange(2))
    text = TEXT.format("").replace('"digits"\nn_train = 50\nn_test = 20', f'"{tmp_path}/own.npz"')
    cost = estimate_cost(parse_study(text))
    assert cost["stages"][0]["steps"] > 0
    assert cost["gradients"] > 0
