"""Agreements: fingerprints, schemas, and documents that are refused."""

import hashlib
import json

import jsonschema
import numpy as np
import pytest

from jaxmech import ProblemError, exchange, schemas
from jaxmech._json import canonical, fingerprint, json_text, sealed
from tests.exchange import agreements as example


def resealed(document):
    return {**document, "fingerprint": fingerprint(document)}


@pytest.mark.parametrize("name", example.COMMANDS)
def test_the_fingerprint_is_that_of_the_canonical_form(name):
    document = example.document(name)
    seal = document.pop("fingerprint")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == seal
    assert fingerprint(example.document(name)) == seal


def test_the_fingerprint_does_not_depend_on_layout_or_order():
    document = example.document("cbl")
    other = json.loads(json.dumps(dict(reversed(document.items())), indent=7))
    assert fingerprint(other) == document["fingerprint"]


def test_the_canonical_form_of_numbers_and_letters():
    assert (
        canonical({"b": [1.0, 1, 1e-7, None, True], "ä": "é\n"}) == '{"b":[1.0,1,1e-07,null,true],"ä":"é\\n"}'.encode()
    )


def test_a_sealed_document_is_the_one_that_is_written():
    document = sealed({"a": np.array([np.inf, np.nan, 0.1])})
    assert json.loads(json_text(document)) == document


@pytest.mark.parametrize("name", example.COMMANDS)
def test_agreements_are_valid_by_their_schema_and_hold_the_problem_in_numbers(name):
    document = example.document(name)
    jsonschema.validate(document, schemas.load("design" if name in example.STORED else "collaboration"))
    problem = document["problem"]
    assert problem["agents"][4] == "Eve/E"
    assert np.array(problem["costs"], dtype=object).shape == (8, 2)
    assert problem["sigma"] == [1.0, 2.0]
    assert problem["mechanism"] == document["mechanism"]


def test_the_whole_plan_says_how_many_points_are_compared():
    signed = example.agreement("cbl")
    total = np.array(example.document("cbl")["integer_plan"]["total"])
    checked = signed.role == "checked"
    assert checked.any()
    assert np.array_equal(signed.comparison, np.where(checked, signed.samples, 0))
    assert np.array_equal(signed.rest, np.where(checked, total - 2 * signed.samples, 0))


@pytest.mark.slow
@pytest.mark.parametrize("name", example.STORED)
def test_stored_designs_are_found_anew(name):
    found, kept = json.loads(example.made(name)), example.document(name)
    assert found["integer_plan"]["samples"] == kept["integer_plan"]["samples"]
    assert found["integer_plan"]["penalty"] == pytest.approx(kept["integer_plan"]["penalty"], rel=1e-6)


def _without(*path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def _with(value, *path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with("sweep", "kind"), "kind = 'sweep'"),
        (_without("problem"), "must be the JSON that jaxmech solve"),
        (_with(3, "problem"), "problem = 3"),
        (_with("stead", "problem", "estimate"), 'did you mean "steady"'),
        (_with("yes", "problem", "calibrated"), "must be true or false"),
        (_with("cbd", "problem", "mechanism"), "did you mean"),
        (_with(None, "integer_plan"), "only a plan in whole samples"),
        (_with([1.0], "problem", "sigma"), "problem.sigma"),
        (_with([True, 1.0], "problem", "sigma"), "problem.sigma"),
        (_with(["A", "A"], "problem", "agents"), "must not occur twice"),
        (_with("A", "problem", "agents"), "must be a list of names"),
        (_with([["alone"]], "integer_plan", "role"), "integer_plan.role"),
        (_with(0.5, "integer_plan", "samples", 0, 0), "must be whole numbers"),
        (_with(-1, "integer_plan", "rest", 0, 0), "must be whole numbers"),
        (_with(10**6, "integer_plan", "rest", 1, 0), "is promised more points of the others than they are asked for"),
        (_with(["Ada", "Bo"], "agents"), "must be those of problem.agents"),
        (_without("integer_plan", "comparison"), "integer_plan.comparison"),
        (_without("integer_plan", "alpha"), "integer_plan.alpha"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_in_one_line(change, words):
    document = example.document("cbl")
    change(document)
    with pytest.raises(ProblemError, match=r"^signed\.json: ") as refused:
        exchange.read_agreement(resealed(document), "signed.json")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_changed_agreement_is_refused():
    document = example.document("cbl")
    document["integer_plan"]["alpha"][1][0] *= 1.001
    with pytest.raises(ProblemError, match="the document has been changed"):
        exchange.read_agreement(document, "signed.json")


class TestNoiseRule:
    """The table of a design: linear between entries, left-continuous at jumps."""

    rule = exchange.Noise(np.array([0.5, 1.0, 1.0, 2.0, 3.0]), np.array([0.1, 0.2, 1.0, 5.0, np.inf]), linked=False)

    @pytest.mark.parametrize(
        ("apart", "noise"), [(0.0, 0.1), (0.5, 0.1), (0.75, 0.15), (1.0, 0.2), (1.5, 3.0), (2.0, 5.0), (2.1, np.inf)]
    )
    def test_between_entries(self, apart, noise):
        assert self.rule.at(apart) == pytest.approx(noise)

    def test_is_that_of_the_library(self):
        import jax.numpy as jnp

        from jaxmech.design import Rule
        from jaxmech.design._mechanism import noise_at

        places = np.linspace(0, 4, 33)
        theirs = noise_at(Rule(*map(jnp.asarray, self.rule[:2])), jnp.asarray(places))
        assert [self.rule.at(u) for u in places] == pytest.approx(theirs.tolist())
