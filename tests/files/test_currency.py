"""The unit of money, and one price for distributions of different units."""

import pytest

from jaxmech import ProblemError, files

PROBLEM = """[collaboration]
distributions = ["x", "y"]
costs = [[0.1, 0.2], [0.2, 0.1]]
"""


def read(folder, extra):
    (folder / "mine.toml").write_text(PROBLEM + extra)
    return files.read(str(folder / "mine.toml"))


@pytest.mark.parametrize("given", ["EUR", "€", "k$", "CHF '000"])
def test_a_currency_is_kept_and_signed(tmp_path, given):
    case = read(tmp_path, f'sigma = 1.0\ncurrency = "{given}"\n')
    assert case.currency == given
    assert files.resolved(case, "rational", "cbl")["currency"] == given


def test_no_currency_is_none(tmp_path):
    case = read(tmp_path, "sigma = 1.0\n")
    assert case.currency == ""
    assert files.resolved(case, "rational", "cbl")["currency"] is None


@pytest.mark.parametrize(
    "given", ['""', '"  "', "1", "true", '["EUR"]', '"a\\nb"', '"\\u001b[5m"', '"a long currency"']
)
def test_what_is_no_currency_is_refused(tmp_path, given):
    with pytest.raises(ProblemError, match=r"mine\.toml: currency = "):
        read(tmp_path, f"sigma = 1.0\ncurrency = {given}\n")


@pytest.mark.parametrize(
    ("extra", "told"),
    [("sigma = [1.0, 30.0]", 1), ("sigma = [30.0, 1.0]\nprice = 2.0", 1), ("sigma = [1.0, 3.0]", 0),
     ("sigma = [1.0, 30.0]\nprice = [9.0, 0.01]", 0), ("sigma = 30.0", 0)],
)  # fmt: skip
def test_one_price_for_different_units_is_warned_of_once(tmp_path, extra, told):
    warnings = read(tmp_path, f"{extra}\n").warnings
    assert len(warnings) == told
    if told:
        assert "counts 900 times as much" in warnings[0]
        assert "one price per distribution" in warnings[0]
