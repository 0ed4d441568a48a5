"""When two points are one.

- base.py: `Symmetry`, what a landscape declares, and `NoSymmetry`.
- permutations.py: signed permutations and groups of interchangeable units; units.py: matching of networks; modules.py:
  which units of a `torch.nn.Module` are interchangeable (the only file here that loads torch).
- atoms.py: clusters and cells of atoms.
"""

from elsuite.symmetry.base import Alignment, NoSymmetry, Symmetry

__all__ = ["Alignment", "NoSymmetry", "Symmetry"]
