"""``jaxmech audit`` of a market says what money it counts in, as ``solve`` and ``simulate`` do."""

from types import SimpleNamespace

import jax.numpy as jnp
import pytest

from jaxmech import Solution
from jaxmech.cli import _audit_others
from jaxmech.cli._options import Output
from jaxmech.mechanism import Examined
from jaxmech.report.audit import _page


@pytest.mark.parametrize(("unit", "told"), [("EUR", "; money in EUR"), ("", "1 distribution")], ids=["unit", "none"])
def test_the_unit_is_named(unit, told, monkeypatch):
    case = SimpleNamespace(source="market.toml", title="", unit=unit)
    found = object.__new__(Examined)  # the names are all that is looked at
    object.__setattr__(found, "names", ("a", "b"))
    object.__setattr__(found, "audits", ())
    solution = Solution(None, jnp.asarray(0), jnp.asarray(0.0), jnp.asarray(0))
    monkeypatch.setattr(_page, "_verdict", lambda answer: "")
    made = _audit_others._answer(case, "market", ("value",), "broker", found, solution, Output(), 0)
    assert _page._head(made).renderables[1].plain.endswith(told)
