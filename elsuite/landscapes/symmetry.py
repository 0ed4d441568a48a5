"""Permutations of networks' units under their older address; they live in `elsuite.symmetry.permutations`."""

from elsuite.symmetry.permutations import apply, inverse, permute, random_element

__all__ = ["apply", "inverse", "permute", "random_element"]
