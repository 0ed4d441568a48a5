"""Stationary points: curvature, what kind of point a point is, transition states and the minima they join.

Curvature
    `hessian_vector_products`, `hessian_operator`, `hessian_spectrum`, `hessian_trace`, `lanczos_quadrature` (the
    density of the spectrum), `local_expansions`
Kinds of points
    `classify_stationary_point` returns a `StationaryPoint`
Searches
    `refine_transition_state` from a point nearby, `search_from_minimum` along soft modes, `follow_down` from a
    transition state to both sides, `descend` from anywhere; each returns `Refinement`s with a `Outcome`

All of it works on any landscape, on the surface that it shows. Up to `DENSE_LIMIT` parameters whole Hessians are used,
many points at once. Above, Hessian-vector products: meant for networks of up to a few thousand parameters, in float64.
The zero modes of clusters are projected out.
"""

from elsuite.core.outcomes import Outcome
from elsuite.stationary.classify import classify_stationary_point
from elsuite.stationary.density import Quadrature, lanczos_quadrature
from elsuite.stationary.descend import descend, follow_down
from elsuite.stationary.hessian import (
    TraceEstimate,
    hessian_operator,
    hessian_trace,
    hessian_vector_products,
    local_expansions,
)
from elsuite.stationary.refine import refine_transition_state, refine_transition_states, search_from_minimum
from elsuite.stationary.results import Refinement, Spectrum, StationaryPoint
from elsuite.stationary.spectrum import DENSE_LIMIT, hessian_spectrum
from elsuite.stationary.walk import Box, Limits

__all__ = [
    "DENSE_LIMIT",
    "Box",
    "Limits",
    "Outcome",
    "Quadrature",
    "Refinement",
    "Spectrum",
    "StationaryPoint",
    "TraceEstimate",
    "classify_stationary_point",
    "descend",
    "follow_down",
    "hessian_operator",
    "hessian_spectrum",
    "hessian_trace",
    "hessian_vector_products",
    "lanczos_quadrature",
    "local_expansions",
    "refine_transition_state",
    "refine_transition_states",
    "search_from_minimum",
]
