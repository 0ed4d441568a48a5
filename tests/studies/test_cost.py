"""What a dry run estimates, against what the searches take."""

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
