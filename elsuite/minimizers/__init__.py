"""How minima are reached: many starts at once, one file an algorithm.

- `LBFGSGSS`: L-BFGS with golden section search on the whole data;
- `SGD`: stochastic gradient descent on mini-batches;
- `TorchOptimizer`: any optimizer class of `torch.optim`;
- `LBFGSWolfe`: PyTorch's L-BFGS with strong Wolfe line search, the ordinary control.

`minimize(landscape, minimizer, starts)` is the loop of all, and returns a `Minimization` for each start. Minimizers are
frozen dataclasses; `MINIMIZERS` has them by the names that study files use. A new one is a file here and a row there,
or an entry point of the group ``elsuite.minimizers`` in another package.
"""

from elsuite.core.outcomes import Outcome
from elsuite.core.plugins import PluginTable
from elsuite.minimizers.base import Minimizer, minimize
from elsuite.minimizers.lbfgs_gss import LBFGSGSS
from elsuite.minimizers.lbfgs_wolfe import LBFGSWolfe
from elsuite.minimizers.results import Minimization, Solution
from elsuite.minimizers.sgd import SGD
from elsuite.minimizers.torch_optimizer import TorchOptimizer

__all__ = [
    "LBFGSGSS",
    "MINIMIZERS",
    "SGD",
    "LBFGSWolfe",
    "Minimization",
    "Minimizer",
    "Outcome",
    "Solution",
    "TorchOptimizer",
    "minimize",
]

MINIMIZERS: PluginTable[type[Minimizer]] = PluginTable(
    "minimizers",
    {"adam": TorchOptimizer, "lbfgs-gss": LBFGSGSS, "lbfgs-wolfe": LBFGSWolfe, "sgd": SGD, "torch": TorchOptimizer},
    "minimizer",
)
