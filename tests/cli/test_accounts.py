"""Money apart from error, from file to document: it adds up to what the agreement promises."""

import json

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main


def solved(*args):
    found = CliRunner().invoke(main, ["solve", *args, "--json", "-"])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.parametrize(
    "args",
    [
        ["clinics"],
        ["clinics", "--mechanism", "pool", "--division", "social"],
        ["equal-agents"],
        ["equal-agents", "--mechanism", "counted-pool"],
        ["three-agents", "--division", "nash"],
    ],
    ids=" ".join,
)
def test_bills_and_errors_add_up_to_the_promised_penalties(args):
    document = solved(*args)
    jsonschema.validate(document, schemas.load("collaboration"))
    accounts, whole = document["accounts"], document["integer_plan"]
    assert accounts["samples"] == whole["samples"]
    both = np.sum(accounts["bill"], axis=1) + np.sum(accounts["error"], axis=1)
    np.testing.assert_allclose(both, whole["penalty"], rtol=1e-12)
    costs = np.array(document["costs"], float)
    samples = np.array(whole["samples"])
    np.testing.assert_allclose(accounts["bill"], np.where(samples > 0, np.where(samples > 0, costs, 0) * samples, 0))
    worth = np.array(document["price"]) * np.square(accounts["standard_error"])
    np.testing.assert_allclose(worth, accounts["error"], rtol=1e-12)


@pytest.mark.long
def test_single_precision_invents_neither_gains_nor_losses():
    found = CliRunner().invoke(main, ["solve", "clinics", "--dtype", "float32"])
    page = " ".join(found.stdout.split())
    assert "Marlow and Northgate gain 0 %" in page
    assert "by signing, and" not in page


@pytest.mark.long
def test_the_clinics_by_hand():
    """Dollars; Dunmore receives glucose from the three who collect it, and alone she would collect σ√(p/c) = 57.5."""
    document = solved("clinics")
    accounts, i = document["accounts"], document["agents"].index("Dunmore")
    assert document["problem"]["currency"] == accounts["currency"] == "USD"
    assert accounts["standard_error"][i][0] == pytest.approx(1 / np.sqrt(66 + 69 + 64))
    assert accounts["alone"]["samples"][i][0] in (57, 58)
    assert accounts["bill"][i] == [0, 0, 0, 0]
    other, error = document["what_if"], float(np.sum(accounts["error"][i]))
    assert [(entry["factor"], entry["penalty"][i]) for entry in other["misjudged"]] == [
        (0.8, pytest.approx(0.64 * error)),
        (1.2, pytest.approx(1.44 * error)),
    ]
    assert (other["whole"], other["invention"]["far"][0]) == (True, [None, None, 13_000 / 16, 13_000 / 13])
    assert other["invention"]["far"][i] == [None] * 4
    page = " ".join(CliRunner().invoke(main, ["solve", "clinics"]).stdout.split())
    assert "Marlow and Northgate gain 0 %: signing costs nothing and brings nothing." in page
    assert "With --division social --mechanism cbl Marlow would gain up to 52 %." in page
    assert "jaxmech design clinics: looks for a mechanism" in page
