"""The proof shares nothing with the search: the contract names every module that it must not know."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
ALLOWED = {"_plan", "_carried_out", "_limits"}
"""What a design is, what it is on data sets, and within which bounds it is one: what a problem says, not a search."""


def test_the_contract_names_every_module_of_the_search():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(one for one in contracts if one.get("source_modules") == ["jaxmech.design.proof"])
    here = {path.stem for path in (ROOT / "jaxmech" / "design").glob("_*.py")} - {"__init__"} - ALLOWED
    assert set(contract["forbidden_modules"]) == {f"jaxmech.design.{name}" for name in here}
