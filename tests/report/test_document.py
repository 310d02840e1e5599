"""The JSON document and the rows of the CSV file."""

import dataclasses

import numpy as np

from jaxmech import Status, report
from jaxmech.collaboration import Role
from tests.report.examples import answer

KEYS = {
    "kind", "status", "settings", "certificates", "facts", "agents", "distributions", "division", "mechanism", "alone",
    "target", "plan", "integer_plan", "efficiency",
}  # fmt: skip


def test_document_has_the_promised_keys():
    document = report.collaboration.document(answer())
    assert set(document) >= KEYS
    assert document["kind"] == "collaboration"
    assert set(document["status"]) >= {"name", "message"}
    assert set(document["settings"]) == {"version", "jax", "device", "dtype", "seed"}
    assert set(document["alone"]) == {"samples", "penalty"}
    assert set(document["target"]) == {"samples", "penalty", "social_penalty"}
    assert set(document["plan"]) >= {"samples", "alpha", "role", "leverage", "penalty", "social_penalty"}
    assert set(document["efficiency"]) == {"ratio", "bound", "baseline", "first_best", "any_equilibrium", "dominant"}
    for record in (*document["certificates"], *document["facts"]):
        assert set(record) >= {"claim", "holds", "margin", "tolerance", "witness", "known"}


def test_claims_and_facts_are_apart():
    document = report.collaboration.document(answer())
    assert [record["claim"] for record in document["facts"]] == ["condition (8)"]
    assert len(document["certificates"]) == 2


def test_roles_are_words():
    made = answer()
    words = np.array(report.collaboration.role_names(made.role))
    assert words.shape == made.samples.shape
    assert set(words.ravel()) == {"alone", "receives", "checked"}
    assert ((words == "checked") == made.is_role(Role.CHECKED)).all()


def test_a_failed_solve_leaves_no_roles():
    failed = dataclasses.replace(answer(), status=Status.NONFINITE)
    assert set(np.ravel(report.collaboration.document(failed)["plan"]["role"])) == {None}
    assert {row[name] for row in report.collaboration.rows(failed) for name in row if name.endswith(": role")} == {None}


def test_rows():
    made = answer()
    rows = report.collaboration.rows(made)
    assert [row["agent"] for row in rows] == list(made.agents)
    assert rows[3]["HDL: samples"] == made.samples[3, 3]
    assert rows[3]["HDL: role"] == report.collaboration.role_names(made.role)[3][3]
    assert rows[3]["gain"] == made.alone_penalty[3] - made.penalty[3]
