"""Bases vanish at the ends, and their values are those of the formulas."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elsuite.core.settings import Count, settings
from elsuite.paths import BASES as BASES_BY_NAME
from elsuite.paths import Basis, BezierBasis, EmptyBasis, HatBasis, Path, SineBasis
from elsuite.paths.bases import basis_from_text, basis_text

pytestmark = pytest.mark.making

BASES = [EmptyBasis(), SineBasis(7), SineBasis(3, 0.0), BezierBasis(), HatBasis(4), HatBasis(2, (0.1, 0.15))]


@pytest.mark.parametrize("basis", BASES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_at_both_ends(basis, dtype):
    values = basis.values(torch.tensor([0, 0.3, 1], dtype=dtype))
    assert values.shape == (3, basis.n_terms)
    assert values.dtype == dtype
    assert not values[[0, 2]].any()


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_ends_of_paths_are_exact(basis):
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 5, generator=generator)
    path = Path(start, end, basis, torch.randn(basis.n_terms, 5, generator=generator))
    assert torch.equal(path.points(torch.tensor([1.0, 0.5, 0.0]))[[2, 0]], torch.stack([start, end]))


@given(st.floats(0, 1), st.integers(1, 12), st.floats(0, 3))
def test_sines(t, n_terms, power):
    values = SineBasis(n_terms, power).values(torch.tensor([t], dtype=torch.float64))[0]
    expected = [math.sin(n * math.pi * t) / n**power for n in range(1, n_terms + 1)]
    assert values.tolist() == pytest.approx(expected, abs=1e-12)


@given(st.floats(0, 1))
def test_bezier_is_the_curve_of_its_control_point(t):
    start, end, control = torch.tensor([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0]], dtype=torch.float64)
    path = Path(start, end, BezierBasis(), (control - (start + end) / 2)[None])
    expected = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
    assert torch.allclose(path.points(torch.tensor([t], dtype=torch.float64))[0], expected)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True), st.floats(0, 1))
def test_hats_are_linear_between_their_pivots(positions, t):
    import numpy as np

    knots = tuple(sorted(positions))
    values = HatBasis(len(knots), knots).values(torch.tensor([t], dtype=torch.float64))[0]
    expected = [
        np.interp(t, (0.0, *knots, 1.0), [float(k == j) for j in range(len(knots) + 2)])
        for k in range(1, len(knots) + 1)
    ]
    assert values.tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SineBasis(0),
        lambda: HatBasis(0),
        lambda: HatBasis(2, (0.5, 0.4)),
        lambda: HatBasis(2, (0.5,)),
        lambda: HatBasis(1, (1.0,)),
    ],
)
def test_bad_bases_are_refused(make):
    with pytest.raises(ValueError, match="allowed: "):
        make()


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_a_stored_basis_is_read_again(basis):
    assert basis_from_text(basis_text(basis)) == basis
    assert basis_text(basis) == str(basis)  # what stores have had from the beginning


@pytest.mark.parametrize(
    "text",
    ["", "Basis()", "SineBasis(0)", "SineBasis(n_terms=0)", "SineBasis(n_terms=open('a'))", "print(1)", "a.b(c=1)"],
)
def test_other_text_is_no_basis(text):
    with pytest.raises(ValueError, match="not a basis of paths"):
        basis_from_text(text)


def test_a_basis_of_ones_own_is_stored_by_its_name_in_the_table(monkeypatch):
    monkeypatch.setattr(BASES_BY_NAME, "_rows", dict(BASES_BY_NAME._rows))

    @settings(kw_only=False)
    class Bumps(Basis):
        n_terms: Count

        def values(self, t):
            return (t * (1 - t))[:, None].expand(-1, self.n_terms)

    BASES_BY_NAME.register("bumps", Bumps)
    assert basis_text(Bumps(3)) == "bumps(n_terms=3)"
    assert basis_from_text("bumps(n_terms=3)") == Bumps(3)
