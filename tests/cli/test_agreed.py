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
        ("failure", None, "failure = None: must be a table of 8 x 2 numbers"),
        ("failure", [["x"]], "must be a table of 8 x 2 numbers"),
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
    ("text", "words"),
    [('{"penalty": [NaN]}', "is not valid JSON"), ('{"fingerprint": "a", "problem": 1e999}', "problem")],
)
def test_numbers_that_are_none_of_json_are_refused(text, words, tmp_path):
    path = tmp_path / "signed.json"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["audit", str(path)])
    assert result.exit_code == 2
    assert words in result.output
    assert "internal error" not in result.output
