"""Agreements in place of problem files: what is missing or is no number is told in one line."""

import json

import pytest
from click.testing import CliRunner

from jaxmech._json import fingerprint
from jaxmech.cli import main
from tests.exchange import agreements as example


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("failure", None, "failure = None: must be numbers, 8 x 2"),
        ("failure", [["x"]], "must be numbers, 8 x 2"),
        ("published", {"name": "c3d", "social_penalty": "much"}, "published.social_penalty = 'much': must be a number"),
        ("family_bound", "low", "family_bound = 'low': must be a number"),
        ("status", {"name": "OK", "residual": "small"}, "status.residual = 'small': must be a number"),
    ],
)
def test_what_is_no_number_is_named(key, value, words, tmp_path):
    document = {**example.document("designed"), key: value}
    document["fingerprint"] = fingerprint(document)
    path = tmp_path / "signed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", str(path)])
    assert result.exit_code == 2
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("NaN", "is not valid JSON"),
        ("1e999", "cannot be recomputed: some number is out of range"),
        ("2", "been changed"),
    ],
)
def test_numbers_that_are_none_of_json_are_refused(number, words, tmp_path):
    """The last one is a number, but not the one that was signed."""
    text = json.dumps({**example.document("designed"), "family_bound": "here"}).replace('"here"', number)
    path = tmp_path / "signed.json"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", str(path)])
    assert result.exit_code == 2
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_an_agreement_is_no_problem_file(tmp_path):
    path = tmp_path / "signed.json"
    path.write_text(json.dumps(example.document("designed")), encoding="utf-8")
    for command in ("solve", "simulate", "design"):
        result = CliRunner().invoke(main, [command, str(path)])
        assert result.exit_code == 2
        assert "is JSON, not a problem file: an agreement is for jaxmech verify, run, audit" in result.output
