"""Every shipped problem is a valid file, its tables lie beside it, and its numbers are what its notes say."""

import csv
import subprocess
import sys
import tomllib
from importlib import resources

import numpy as np
import pytest

from jaxmech import ProblemError, catalog, files
from tests.oracles import convex

TESTS = ("glucose", "total cholesterol", "triglycerides", "HDL")
FEES = np.array([3.93, 4.35, 5.74, 8.19])
FACTORS = {
    "Northgate": 0.70, "Marlow": 0.75, "Thornbury": 0.80, "Dunmore": 1.00, "Ingleby": 1.10, "Kestrel": 1.15,
    "Penrose": 1.20, "Quayside": 1.30, "Underhill": 1.40, "Verity": 1.50, "Yarrow": 1.60,
}  # fmt: skip
CONTRACT = 0.90
DEVIATIONS = (11.4963, 34.6081, 71.0261, 12.9342)


def table(name):
    text = (resources.files("jaxmech.catalog") / "problems" / name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))


def numbers(name):
    return np.array(table(name)[1:], dtype=float)


def clinic_costs():
    rows = table("clinics-costs.csv")[1:]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=float)


@pytest.mark.parametrize("name", catalog.names())
class TestEveryProblem:
    def test_reads(self, name):
        case = files.read(name)
        assert case.title == catalog.describe(name)

    def test_text_is_the_file(self, name):
        assert catalog.text(name) == catalog.path(name).read_text(encoding="utf-8")

    def test_has_one_section_and_a_title(self, name):
        sections = tomllib.loads(catalog.text(name))
        (kind,) = sections
        assert kind in files.KINDS
        assert 20 < len(sections[kind]["title"]) < 80

    def test_tables_lie_beside_it(self, name):
        (section,) = tomllib.loads(catalog.text(name)).values()
        for value in section.values():
            if isinstance(value, str) and value.endswith(".csv"):
                assert (catalog.path(name).parent / value).is_file()


def test_first_problem_is_clinics():
    assert catalog.names()[0] == "clinics"


def test_no_file_is_left_out():
    shipped = {entry.name for entry in (resources.files("jaxmech.catalog") / "problems").iterdir()}
    problems = {f"{name}.toml" for name in (*catalog.names(), *catalog.sweeps())}
    assert shipped == problems | {"clinics.csv", "clinics-costs.csv", "clinics-patients.csv"}


@pytest.mark.parametrize("call", [catalog.path, catalog.text, catalog.describe])
def test_unknown_names_are_refused(call):
    with pytest.raises(ProblemError, match="clinics, three-agents"):
        call("../secrets")


class TestClinics:
    def test_costs_are_fees_times_the_stated_factors(self):
        clinics, costs = clinic_costs()
        factors = np.array([FACTORS.get(name, CONTRACT) for name in clinics])
        offered = np.isfinite(costs)
        np.testing.assert_allclose(costs[offered], (factors[:, None] * FEES)[offered], rtol=1e-9)
        assert sum(name not in FACTORS for name in clinics) == 12 + 1  # the contract's twelve, and Zennor

    def test_who_offers_what(self):
        clinics, costs = clinic_costs()
        missing = {
            name: {TESTS[k] for k in np.flatnonzero(np.isinf(row))} for name, row in zip(clinics, costs, strict=True)
        }
        lipids = set(TESTS) - {"glucose"}
        assert {name: tests for name, tests in missing.items() if tests} == {
            "Thornbury": {"triglycerides", "HDL"},
            "Underhill": {"HDL"},
            "Yarrow": lipids,
            "Zennor": set(TESTS),
        }

    def test_price_is_fifty_patients_per_test(self):
        price = files.read("clinics").problem.price[0]
        alone = np.sqrt(price / FEES)
        assert np.round(alone).tolist() == [58, 55, 48, 40]
        assert alone.mean() == pytest.approx(50, abs=1)

    def test_notes_name_every_clinic_and_factor(self):
        notes = files.read("clinics").notes
        clinics, _ = clinic_costs()
        assert len(clinics) == 24
        for name in clinics:
            assert name in notes
        for factor in {*FACTORS.values(), CONTRACT}:
            assert f"{factor:.2f}" in notes
        for fee in FEES:
            assert f"{fee:.2f}" in notes

    def test_patients(self):
        patients = numbers("clinics-patients.csv")
        assert patients.shape == (442, 4)
        assert [column.removesuffix(" (mg/dL)") for column in table("clinics-patients.csv")[0]] == list(TESTS)
        np.testing.assert_allclose(patients.std(axis=0, ddof=1), DEVIATIONS, atol=5e-5)
        assert (patients == np.round(patients)).sum() >= 442 * 3  # glucose, triglycerides and HDL are whole numbers

    def test_data_are_patients_in_standard_deviations(self):
        data = numbers("clinics.csv")
        patients = numbers("clinics-patients.csv")
        np.testing.assert_allclose(data, patients / patients.std(axis=0, ddof=1), atol=5.1e-5)
        np.testing.assert_allclose(data.std(axis=0, ddof=1), 1.0, atol=1e-4)

    def test_skewness_is_as_noted(self):
        centred = numbers("clinics.csv")
        centred = centred - centred.mean(axis=0)
        skewness = (centred**3).mean(axis=0) / centred.std(axis=0) ** 3
        assert np.round(skewness, 1).tolist() == [0.2, 0.4, 2.0, 0.8]


class TestAppendixC:
    COSTS = np.array(catalog.COSTS)[:, None]

    @pytest.mark.parametrize("entry", catalog.APPENDIX_C, ids=lambda entry: entry.division)
    def test_printed_values_agree_with_the_oracle(self, entry):
        samples, penalties = self.computed(entry.division)
        assert np.abs(samples - entry.samples).max() < 1
        assert np.abs(penalties - entry.penalties).max() < 0.01

    def computed(self, division):
        costs, sigma = self.COSTS, catalog.SIGMA
        if division == "alone":
            return (sigma / np.sqrt(costs))[:, 0], convex.alone_penalty(costs, sigma)
        if division == "social":
            samples = np.array([[sigma * np.sqrt(3 / costs[0, 0])], [0], [0]])
            return samples[:, 0], convex.penalties(samples, costs, sigma)
        found = getattr(convex, division)(costs, sigma)
        return found.samples[:, 0], found.penalties

    def test_misprints_are_told(self):
        told = [misprint for entry in catalog.APPENDIX_C for misprint in entry.misprints]
        assert [(entry.printed, entry.corrected) for entry in told] == [("6.23", "6.32"), ("2σ√(m c)", "σ√(m/c)")]
        assert "ICML 2025" in catalog.SOURCE

    def test_problem_file_is_the_published_instance(self):
        problem = files.read("three-agents").problem
        np.testing.assert_array_equal(problem.costs, self.COSTS)
        assert problem.sigma.tolist() == [catalog.SIGMA]


def test_catalog_modules_do_not_import_jax():
    """Listing the examples must not wait for JAX: the package's own index does, the catalog itself does not."""
    code = (
        "import sys, types, pathlib\n"
        "package = types.ModuleType('jaxmech'); package.__path__ = [sys.argv[1]]; sys.modules['jaxmech'] = package\n"
        "from jaxmech import catalog\n"
        "assert catalog.describe('clinics') and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(resources.files("jaxmech"))], check=True, timeout=60)
