"""The page without a browser, by Streamlit's own tests: what it shows, refuses and keeps."""

from importlib.resources import files as resources

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import jaxmech
from jaxmech.report import html

PAGE = str(resources(jaxmech) / "app" / "_page.py")
COSTS = b"clinic,glucose,LDL\nAshford,3.5,7\nBirchwood,4,8\n"

pytestmark = pytest.mark.filterwarnings("ignore:.*missing ScriptRunContext")


def opened():
    page = AppTest.from_file(PAGE, default_timeout=300).run()
    assert not page.exception
    return page


def texts(elements):
    return [element.value.replace("\\", "") for element in elements]


def upload(page, content, which=0):
    page.file_uploader[which].set_value(("mine.csv", content, "text/csv")).run()
    assert not page.exception
    return page


def click(page, key):
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_every_division_and_mechanism_says_what_it_means():
    page = opened()
    for key, meanings in (("division", html.DIVISIONS), ("mechanism", html.MECHANISMS)):
        assert set(page.selectbox(key=key).options) == set(meanings)
        for name, meaning in meanings.items():
            page.selectbox(key=key).set_value(name).run()
            assert any(text.lower() == f"{meaning}.".lower() for text in texts(page.caption)), name


def test_an_upload_fills_the_tables_and_a_bad_one_leaves_them():
    page = upload(opened(), COSTS)
    measured, costs = (frame.value for frame in page.dataframe)
    assert measured["name"].tolist() == ["glucose", "LDL"]
    assert measured["sigma"].tolist() == ["1", ""]  # the form had glucose already
    assert costs.to_numpy().tolist() == [["Ashford", "3.5", "7"], ["Birchwood", "4", "8"]]
    upload(page, b"clinic;glucose\nA;1,234\n")
    assert "may mean 1234 or 1.234" in texts(page.error)[0]
    assert page.dataframe[1].value.to_numpy().tolist() == costs.to_numpy().tolist()


def test_a_form_that_is_refused_stays_as_it_is():
    page = click(upload(opened(), COSTS), "solve")
    assert texts(page.error) == ["sigma[1] = '': must be a number (places count from 0)"]
    assert page.dataframe[1].value["agent"].tolist() == ["Ashford", "Birchwood"]
    assert len(page.dataframe) == 2


def test_a_new_distribution_is_a_new_column_and_costs_that_were_typed_stay():
    page = opened()
    before = page.dataframe[1].value
    rows = [*page.session_state["distributions"].to_dict("records"), {"name": "LDL", "sigma": "1", "price": "100000"}]
    page.session_state["distributions"] = pd.DataFrame(rows)
    page.run()
    after = page.dataframe[1].value
    assert list(after.columns) == ["agent", "0", "1", "2"]
    assert after[["agent", "0", "1"]].equals(before)
    assert "LDL" in page.dataframe[1].proto.columns


@pytest.mark.slow
def test_a_plan_is_kept_when_the_form_changes_or_is_refused():
    page = click(opened(), "solve")
    verdict = texts(page.success)
    assert verdict[0].endswith("All 3 claims hold.")
    assert page.dataframe[2].value.iloc[:, 0].tolist()[:2] == ["Northgate", "Ashford"]
    assert texts(page.info) == []
    page.text_input(key="currency").set_value("far too long a currency").run()
    assert texts(page.info) == ["The form has changed since this plan was worked out."]
    click(page, "solve")
    assert "must be at most 12 characters" in texts(page.error)[0]
    assert texts(page.success) == verdict


@pytest.mark.slow
@pytest.mark.parametrize(("mechanism", "told"), [
    ("pool", "Northgate would pay"), ("cbl", "Nothing was found that pays. Honest, Northgate pays"),
])  # fmt: skip
def test_what_if_i_cheat(mechanism, told):
    page = opened()
    page.selectbox(key="mechanism").set_value(mechanism).run()
    click(click(page, "solve"), "search")
    assert any(text.startswith(told) for text in texts(page.markdown))
    page.selectbox(key="agent").set_value(1).run()
    assert not any(text.startswith(told) for text in texts(page.markdown))
