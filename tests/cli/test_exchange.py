"""``jaxmech run``, ``commit``, ``verify`` and ``schema``: from files to files."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import norm

from jaxmech import exchange, schemas, verify
from jaxmech._json import json_text
from jaxmech._sheets import workbook_bytes
from jaxmech.cli import main
from jaxmech.report import short
from tests.exchange import agreements as example
from tests.exchange import trades


def call(*arguments):
    found = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return found.exit_code, found.stdout, found.stderr


def all_agrees(agreement, returns):
    """What is said then: also under which agreement and with which secret, in groups that can be read aloud."""
    sealed = json.loads(agreement.read_text(encoding="utf-8"))["fingerprint"]
    committed = json.loads((returns / "public.json").read_text(encoding="utf-8"))["commitment"]
    groups = (" ".join(re.findall("[0-9a-f]{16}", one)) for one in (sealed, committed))
    return "All agrees.\n{}Fingerprint: {}\nCommitment:  {}\n{}\n".format(
        delivered(agreement, returns), *groups, PUBLISHED
    )


def delivered(agreement, returns):
    """How much was handed in of what was agreed, and what became of it, by what the operator keeps for the arbiter."""
    parties = json.loads((returns / "operator.json").read_text(encoding="utf-8"))["parties"]
    panels = (json.loads(agreement.read_text(encoding="utf-8")).get("problem") or {}).get("panels") or {}
    rest = {name for names in panels.values() for name in names[1:]}
    means = json.loads(agreement.read_text(encoding="utf-8"))["problem"].get("means") or []
    entries = [one for part in parties for one in part.get("distributions", ())]
    draws = [one for one in entries if one["name"] not in {*rest, *means[1:]}]
    asked, count = (sum(one[key] for one in draws) for key in ("asked", "count"))
    more = sum(max(one["count"] - one["asked"], 0) for one in draws)
    extra = f", and {more:,} that nobody asked for" if more else ""
    text = f"Handed in: {count - more:,} of the {asked:,} points that were agreed{extra}.\n"
    roles = [one for one in entries if "role" in one]
    made = [one for one in roles if one["compared_count"] > 0]
    if not made:
        return text + ("Checks: none; nobody's points were compared with the others'.\n" if roles else "")
    failed = f", {sum(one['passed'] is False for one in made):,} failed" if "limit" in made[0] else ""
    lost = [one for one in roles if one["noise_variance"] == "inf"]
    held = [one for one in lost if "limit" not in one or one["rest"]["count"]]
    noisy = sum(one["noise_variance"] > 0 for one in roles if one not in lost)
    points = sum(one["rest"]["count"] for one in held if "limit" in one)
    told = f" ({points:,} points)" if points else ""
    what = f"noise in {noisy:,} case{'s' * (noisy != 1)}, the rest withheld in {len(held):,}{told}"
    return f"{text}Checks: {len(made):,} made{failed}; {what}.\n"


PUBLISHED = "Published before data came in, that shows that nobody chose the noise by them."


@pytest.fixture(params=example.COMMANDS)
def name(request):
    return request.param


class Folder:
    def __init__(self, path, name="cbl"):
        self.agreement, self.submissions, self.returns = path / "agreement.json", path / "handed in", path / "returns"
        self.agreement.write_text(example.text(name), encoding="utf-8")
        self.signed = example.agreement(name)
        self.data = example.draw(self.signed, np.random.default_rng(0))
        example.write(self.signed, self.data, self.submissions)

    def run(self, *options):
        return call("run", self.agreement, self.submissions, "-o", self.returns, *options)

    def read(self, file):
        return json.loads((self.returns / file).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_from_agreement_to_verified_returns(name, tmp_path):
    folder, secret = Folder(tmp_path, name), tmp_path / "secret.json"
    code, commitment, told = call("commit", "-o", secret)
    assert code == 0
    assert told.startswith("jaxmech: publish this line before anybody hands in data; show ")
    code, page, errors = folder.run("--secret", secret, "--points")
    assert (code, errors) == (0, "")
    assert commitment.strip() in page
    assert "cheat" not in page
    verdict = call("verify", folder.returns, folder.agreement, "--submissions", folder.submissions, "--secret", secret)
    assert verdict == (0, all_agrees(folder.agreement, folder.returns), "")
    for path in [*folder.returns.rglob("*.json"), secret]:
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.load(document["kind"]))


def test_odd_data_are_told_before_odd_counts(folder):
    """A code for "no value" is a number like any other: it is in the means, and whoever reads them is told so."""
    path = folder.submissions / "Ada.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    path.write_text(
        "\n".join([lines[0], ",".join(["-999", *cells[1:]]), *lines[2:], lines[2]]) + "\n", encoding="utf-8"
    )
    code, page, _ = folder.run()
    assert code == 0
    data, counts = page.index("Look at this before estimates are used"), page.index("Odd; nothing follows but")
    assert data < page.index("e.g. -999") < counts < page.index("asked for")


def test_verbose_says_how_long_every_step_took(folder):
    code, page, told = folder.run("--verbose")
    assert code == 0
    assert "Carried out" in page
    steps = [part.rsplit(" ", 2)[0] for part in told.strip().removeprefix("jaxmech: ").split("; ")]
    assert steps == [
        "read the agreement", "read and check what was handed in", "carry out", "put returns together", "write",
    ]  # fmt: skip
    code, page, told = folder.run("--verbose", "--quiet")
    assert (code, page) == (2, "")
    assert "only one of the two" in told


def test_files_give_what_the_same_data_give_in_memory(name, tmp_path):
    folder = Folder(tmp_path, name)
    assert folder.run("--seed", 3)[0] == 0
    done = exchange.carry_out(folder.signed, example.handed(folder.data), [], exchange.seeded_secret(3))
    expected = exchange.returned_files(done)
    for party in exchange.file_names(folder.signed.parties):
        assert folder.read(f"{party}/estimate.json") == json.loads(expected[f"{party}/estimate.json"])


THROUGH_FILES = 40


@pytest.mark.slow
def test_exchanges_through_files_are_those_in_memory(name, tmp_path):
    """Files in, files out, again and again, nothing is lost: in memory promises are kept on two thousand exchanges."""
    signed, generator = example.agreement(name), np.random.default_rng(11)
    for run in range(THROUGH_FILES):
        data, base = example.draw(signed, generator), tmp_path / "each"
        example.write(signed, data, base / "in")
        handed, remarks = exchange.read_submissions(base / "in", signed)
        done = exchange.carry_out(signed, handed, remarks, f"{run:064x}")
        again = exchange.carry_out(signed, example.handed(data), [], f"{run:064x}")
        found, kept = exchange.returned_files(done), exchange.returned_files(again)
        for party in exchange.file_names(signed.parties):
            path = base / f"{party}.json"
            path.write_bytes(found[f"{party}/estimate.json"])
            assert json.loads(path.read_bytes()) == json.loads(kept[f"{party}/estimate.json"])
        shutil.rmtree(base)


def test_a_seed_is_said_to_be_no_secret(folder):
    _, page, _ = folder.run("--seed", 3)
    assert exchange.WARNING in page
    assert folder.read("public.json")["warning"] == exchange.WARNING
    assert folder.read("operator.json")["seed"] == 3
    assert "seed" not in folder.read("public.json")


def test_without_a_secret_one_is_drawn(tmp_path):
    secrets = set()
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        folder = Folder(tmp_path / place)
        assert "The secret was drawn now" in folder.run()[1]
        secrets.add(folder.read("operator.json")["secret"])
    assert len(secrets) == 2


def test_nothing_is_overwritten(folder):
    folder.returns.mkdir()
    code, out, error = folder.run()
    assert (code, out) == (2, "")
    assert "nothing is overwritten" in error
    assert list(folder.returns.iterdir()) == []


def test_every_fault_is_one_line_and_nothing_is_written(folder):
    (folder.submissions / "Ada.csv").write_text("first,second\nx,1\n2,y\n", encoding="utf-8")
    (folder.submissions / "Gus.csv").write_text("first\n2\n", encoding="utf-8")
    code, out, error = folder.run()
    assert (code, out) == (2, "")
    lines = error.splitlines()
    assert len(lines) == 3
    assert lines[0] == "jaxmech: Ada.csv: row 2, column first: must be a number, not 'x'"
    assert lines[2] == "jaxmech: Gus.csv: row 1, column second: must be there, even if it is empty"
    assert not folder.returns.exists()
    assert sorted(path.name for path in folder.returns.parent.iterdir()) == ["agreement.json", "handed in"]


def test_what_is_odd_is_told_to_the_operator_and_what_is_hers_to_each_party(folder):
    (folder.submissions / "Gus.csv").unlink()
    (folder.submissions / "notes.txt").write_text("", encoding="utf-8")
    code, page, _ = folder.run()
    assert code == 0
    assert "- Gus handed in nothing" in page
    assert "- notes.txt belongs to nobody" in page
    assert folder.read("Gus/receipt.json")["remarks"] == ["Gus handed in nothing"]
    assert folder.read("Ada/receipt.json")["remarks"] == []
    assert call("verify", folder.returns, folder.agreement)[0] == 0


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A design in which Cleo's mean of the second distribution is 40 off, what is printed, and the arbiter's page."""
    found = Folder(tmp_path_factory.mktemp("failing"), "designed")
    found.data[2][1] = found.data[2][1] + 40
    example.write(found.signed, found.data, found.submissions)
    page = found.agreement.with_name("page.html")
    code, found.printed, _ = found.run("--seed", "1", "--report", page)
    found.page = page.read_text(encoding="utf-8")
    assert code == 0
    return found


def test_a_misspelt_name_is_told_before_anything_is_carried_out(folder):
    (folder.submissions / "Cleo.csv").rename(folder.submissions / "Celo.csv")
    code, page, errors = folder.run()
    assert code == 0
    told = "Celo.csv belongs to nobody and was not read: did you mean Cleo? Her file would be Cleo.csv; as it is, Cleo"
    assert errors == f"jaxmech: {told} handed in nothing\n"
    assert f"- {told} handed in nothing" in page
    jsonschema.validate(folder.read("operator.json"), schemas.load("operator"))


def test_the_arbiter_s_document_is_valid_where_spreadsheets_were_handed_in(folder):
    rows = [{"first": 1.5, "second": 2.5}, {"first": 2.0, "second": 3.0}]
    (folder.submissions / "Cleo.csv").unlink()
    (folder.submissions / "Cleo.xlsx").write_bytes(workbook_bytes(rows))
    assert folder.run()[0] == 0
    document = folder.read("operator.json")
    assert "format" in {remark["kind"] for remark in document["remarks"]}
    jsonschema.validate(document, schemas.load("operator"))


class TestChecks:
    """What a design compares, and what follows, in the units of the data."""

    def test_a_receipt_has_discrepancy_limit_outcome_and_what_follows(self, failing):
        first, second = failing.read("Cleo/receipt.json")["checks"]
        limit = failing.signed.limit[2]
        means = [column.mean() for column in failing.data[2]]
        for check, mean, most in zip((first, second), means, limit, strict=True):
            assert check["limit"] == most
            assert check["discrepancy"] == pytest.approx(abs(mean - check["compared_mean"]))
        assert second["discrepancy"] > limit[1]
        assert (second["passed"], second["follows"]) == (False, "withheld")
        assert second["withheld"] == failing.signed.rest[2, 1] > 0
        assert first["passed"] is bool(first["discrepancy"] <= limit[0])
        assert first["follows"] == "withheld"  # distributions are linked: one failed check withholds both

    def test_who_passes_all_is_told_so(self, failing):
        passing = [
            folder for folder in exchange.file_names(failing.signed.parties)
            if all(check["passed"] for check in failing.read(f"{folder}/receipt.json")["checks"])
        ]  # fmt: skip
        assert passing
        for folder in passing:
            checks = failing.read(f"{folder}/receipt.json")["checks"]
            assert [(check["follows"], check["withheld"]) for check in checks] == [("nothing", 0)] * 2

    def test_the_terminal_and_the_page_of_the_arbiter_show_every_check(self, failing):
        receipts = [failing.read(f"{folder}/receipt.json") for folder in exchange.file_names(failing.signed.parties)]
        checks = [check for receipt in receipts for check in receipt["checks"]]
        failed = sum(check["passed"] is False for check in checks)
        assert f"Checks: {failed} of {len(checks)} failed" in failing.printed
        rows = re.findall(r"^\S.*(?:passed|failed) {2,}\S.*$", failing.printed, re.MULTILINE)
        assert len(rows) == len(checks)
        row = next(row for row in rows if row.startswith("Cleo") and "second" in row)
        missed = receipts[2]["checks"][1]
        apart, withheld = missed["discrepancy"], f"{missed['withheld']} points withheld"
        assert re.search(rf"{apart:.2f} +≈0 % +5\.817 +failed +{withheld}", row)
        told = " ".join(re.sub("<[^>]*>", " ", failing.page).split())
        assert f"beside its limit: {failed} of {len(checks)} failed." in told
        assert f"5.817 failed {withheld}" in told
        assert (
            f"your mean is {short(apart)} from theirs (limit 5.82: failed; by chance farther in ≈0 %): {withheld}"
            in told
        )
        assert " with noise" not in told  # a design of thresholds adds none

    def test_how_often_honest_data_would_do_so_stands_beside_it(self, failing):
        expected = sum(
            2 * norm.sf(check["limit"] / sigma / np.sqrt(1 / check["count"] + 1 / check["compared_count"]))
            for folder in exchange.file_names(failing.signed.parties)
            for check, sigma in zip(failing.read(f"{folder}/receipt.json")["checks"], failing.signed.sigma, strict=True)
        )
        told = f"If all were honest, {expected:.2g} of 16 would fail on average."
        assert told in " ".join(failing.printed.split())
        assert told in " ".join(re.sub("<[^>]*>", " ", failing.page).split())

    def test_the_page_says_whose_estimates_rest_on_what_failed_or_looks_odd(self, failing):
        section = failing.page.partition("What looks odd, and whose estimates rest on it")[2].partition("</section>")[0]
        rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in section.split("</tr>")]
        assert ["Cleo", "second", "failed the check", "everybody"] in rows
        assert any(row[:2] == ["Cleo", "second"] and "standard errors from that of all who agree" in row[2]
                   for row in rows if row)  # fmt: skip
        far = [row for row in rows if row[:1] == ["Cleo"] and "8 σ" in row[2]]
        assert [row[3] for row in far] == ["everybody"]

    def test_it_is_verified(self, failing):
        assert call("verify", failing.returns, failing.agreement, "--submissions", failing.submissions)[0] == 0

    @pytest.mark.parametrize("absent", [None, "Cleo.csv"])
    def test_the_verifier_counts_the_same_checks(self, absent, tmp_path):
        """With nothing handed in, too, which fails, and where nothing is compared, which is no check."""
        found = Folder(tmp_path, "designed")
        if absent:
            (found.submissions / absent).unlink()
        printed = found.run("--seed", "1")[1]
        code, told, _ = call("verify", found.returns, found.agreement)
        failed, made = re.search(r"Checks: (\d+) of (\d+) failed", printed).groups()
        assert code == 0
        assert f"Checks: {made} made, {failed} failed" in told
        assert (int(failed) > 0) >= bool(absent)

    def test_a_party_is_told_what_it_came_to(self, failing):
        """Cost of her points and price times squared standard error, beside what was promised."""
        told = " ".join(re.sub("<[^>]*>", " ", failing.page).split())
        problem = json.loads(failing.agreement.read_text(encoding="utf-8"))["problem"]
        for folder, cost in zip(exchange.file_names(failing.signed.parties), problem["costs"], strict=True):
            owed, receipt = (failing.read(f"{folder}/{name}.json") for name in ("estimate", "receipt"))
            bill = sum(c * check["count"] for c, check in zip(cost, receipt["checks"], strict=True) if check["count"])
            errors = [float(one["standard_error"]) for one in owed["distributions"]]
            paid = bill + sum(p * error**2 for p, error in zip(problem["price"], errors, strict=True))
            assert f"by the standard errors of this exchange you pay {short(paid, 4)}" in told

    def test_published_rules_have_noise_and_no_limit(self, folder):
        page = folder.agreement.with_name("page.html")
        code, printed, _ = folder.run("--report", page, "--seed", "1")
        assert code == 0
        assert "Checks:" not in printed
        checks = [check for path in folder.returns.glob("*/receipt.json") for check in folder.read(path)["checks"]]
        assert not any({"limit", "passed", "follows", "withheld"} & set(check) for check in checks)
        told = " ".join(re.sub("<[^>]*>", " ", page.read_text(encoding="utf-8")).split())
        noise = next(check["noise_variance"] for check in checks if check["noise_variance"] > 0)
        assert f"noise of standard deviation {short(noise**0.5)}" in told
        assert "means are so far from" not in printed

    def test_of_published_rules_means_that_honest_data_explain_badly_are_told(self, folder):
        folder.data[3][0] = folder.data[3][0] + 40.0  # of a party who is checked there
        example.write(folder.signed, folder.data, folder.submissions)
        printed = " ".join(folder.run("--seed", "1")[1].split())
        assert "means are so far from those of the others' points as one in 1,000 is by chance" in printed
        assert re.search(r"- Dr. D, first: \d+\.\d+ apart, by chance ≈0 %", printed)


class TestLook:
    """``run --check``: what is wrong or odd, before anything is drawn."""

    def look(self, folder, *options):
        return call("run", folder.agreement, folder.submissions, "--check", *options)

    def test_nothing_is_written_and_nothing_odd_is_said(self, folder):
        before = sorted(folder.agreement.parent.rglob("*"))
        code, out, error = self.look(folder)
        assert (code, error) == (0, "")
        present = len(list(folder.submissions.iterdir()))
        assert out.splitlines()[0] == f"{present} files of 8 parties can be carried out."
        assert sorted(folder.agreement.parent.rglob("*")) == before

    def test_what_is_odd_is_what_run_would_say(self, folder):
        (folder.submissions / "Cleo.csv").rename(folder.submissions / "Celo.csv")
        out = self.look(folder)[1]
        assert "- Celo.csv belongs to nobody and was not read: did you mean Cleo?" in out
        assert {line for line in out.splitlines() if line.startswith("- ")} <= set(folder.run()[1].splitlines())

    def test_faults_are_told_one_per_line(self, folder):
        (folder.submissions / "Ada.csv").write_text("first,second\nx,1\n2,y\n", encoding="utf-8")
        code, out, error = self.look(folder)
        assert (code, out) == (2, "")
        assert error.startswith("jaxmech: Ada.csv: row 2, column first: must be a number, not 'x'\n")

    def test_quiet(self, folder):
        assert self.look(folder, "--quiet") == (0, "", "")

    @pytest.mark.parametrize(
        "options", [("-o", "x"), ("--secret", "x"), ("--seed", "1"), ("--report", "x.html"), ("--points",)]
    )
    def test_what_it_would_write_or_draw_is_refused(self, folder, options):
        code, out, error = self.look(folder, *options)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert options[0] in error

    def test_without_it_a_folder_is_needed(self, folder):
        code, out, error = call("run", folder.agreement, folder.submissions)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert "-o" in error


def test_what_only_the_arbiter_may_read(folder):
    folder.run()
    assert stat.S_IMODE((folder.returns / "operator.json").stat().st_mode) == 0o600


def test_quiet(folder):
    assert folder.run("--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seed", "1", "--secret", "x"), "only one of the two"),
        (("--seed", "-1"), "must not be negative"),
        (("--secret", "none.json"), "cannot be read"),
        (("-o", "none/returns"), "must be in a directory that exists"),
    ],
)
def test_bad_options_are_refused_in_one_line(folder, options, words):
    code, out, error = folder.run(*options)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert words in error


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "market", "fingerprint": "x", "problem": {}}'])
def test_other_files_are_no_agreement(folder, content):
    folder.agreement.write_text(content, encoding="utf-8")
    code, out, error = folder.run()
    assert (code, out, error.count("\n")) == (2, "", 1)


class Trade:
    """The same for a market, or for competitors."""

    def __init__(self, path, name):
        self.agreement, self.submissions, self.returns = path / "agreement.json", path / "handed in", path / "returns"
        self.agreement.write_text(trades.text(name), encoding="utf-8")
        self.signed = trades.agreement(name)
        trades.write(self.signed, trades.draw(self.signed, np.random.default_rng(0)), self.submissions)

    run, read = Folder.run, Folder.read


@pytest.mark.parametrize("trade", trades.PROBLEMS)
class TestTrades:
    """Markets and competitors, from the agreement to verified returns."""

    def test_from_agreement_to_verified_returns(self, trade, tmp_path):
        folder, secret = Trade(tmp_path, trade), tmp_path / "secret.json"
        assert call("commit", "-o", secret)[0] == 0
        code, page, errors = folder.run("--secret", secret, "--points")
        assert (code, errors) == (0, "")
        assert "charged" in page
        options = ("--submissions", folder.submissions, "--secret", secret)
        told = call("verify", folder.returns, folder.agreement, *options)
        assert told == (0, all_agrees(folder.agreement, folder.returns), "")
        for path in [*folder.returns.rglob("*.json"), folder.agreement]:
            document = json.loads(path.read_text(encoding="utf-8"))
            jsonschema.validate(document, schemas.load(document["kind"]))

    def test_every_fault_is_one_line_and_nothing_is_written(self, trade, tmp_path):
        folder = Trade(tmp_path, trade)
        first, *others = folder.signed.distributions
        rest = "".join(f',"{name}"' for name in others)
        cells = ",2" * len(others)
        (folder.submissions / "Ada.csv").write_text(f"{first}{rest}\nx{cells}\n1{cells}\n", encoding="utf-8")
        (folder.submissions / "Bo, B_.csv").write_text(f"mean{rest}\n2{cells}\n", encoding="utf-8")
        code, out, error = folder.run()
        assert (code, out) == (2, "")
        told = ", ".join(folder.signed.distributions)
        lines = error.splitlines()
        assert lines == [
            f"jaxmech: Ada.csv: row 2, column {first}: must be a number, not 'x'",
            f"jaxmech: Bo, B_.csv: row 1: column mean must be the name of a distribution ({told}); "
            f"column {first} must be there, even if it is empty",
        ]
        assert not folder.returns.exists()

    def test_whoever_drops_out_is_told_and_verified(self, trade, tmp_path):
        folder = Trade(tmp_path, trade)
        (folder.submissions / "Bo, B_.csv").unlink()
        code, page, _ = folder.run()
        assert code == 0
        assert "- Bo, B. handed in nothing" in page
        assert ("- there is no trade" in page) == (trade in trades.MARKETS)
        assert call("verify", folder.returns, folder.agreement, "--submissions", folder.submissions)[0] == 0

    def test_money_that_flows_the_other_way_is_explained(self, trade, tmp_path):
        folder = Trade(tmp_path, trade)
        far = [[column + 1e4 * (i == 0) for column in row] for i, row in
               enumerate(trades.draw(folder.signed, np.random.default_rng(0)))]  # fmt: skip
        trades.write(folder.signed, far, folder.submissions)
        page = folder.run()[1]
        turned = folder.read("operator.json")["money"]["charged"] < 0
        assert turned == hasattr(folder.signed, "buyers")  # competitors pay for sizes, not for means
        assert ("Less than 0 is charged" in page) == turned

    def test_the_same_data_under_two_names_and_absurd_values_are_told(self, trade, tmp_path):
        folder = Trade(tmp_path, trade)
        text = (folder.submissions / "Ada.csv").read_text(encoding="utf-8")
        many = folder.signed.distributions
        (folder.submissions / "Ada.csv").write_text(f"{text}{','.join(['1e9'] * len(many))}\n", encoding="utf-8")
        shutil.copy(folder.submissions / "Ada.csv", folder.submissions / "Cleo.csv")
        _, page, _ = folder.run()
        assert all(f"- Cleo and Ada handed in the same points of {name}" in page for name in many)
        assert "σ from the median of all, e.g. 1e+09" in page
        assert call("verify", folder.returns, folder.agreement)[0] == 0


def through_files(signed, run, generator, base):
    """The documents of one exchange by path, from files to files."""
    trades.write(signed, trades.draw(signed, generator), base / "in")
    handed, remarks = exchange.read_submissions(base / "in", signed)
    done = exchange.carry_out(signed, handed, remarks, f"{run:064x}")
    found = {}
    for file, content in exchange.returned_files(done).items():
        path = base / "out" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        found[file] = json.loads(path.read_bytes())
    return found


def in_memory(signed, run, data):
    """The documents of one exchange by path."""
    done = exchange.carry_out(signed, trades.handed(data), [], f"{run:064x}")
    return {file: json.loads(content) for file, content in exchange.returned_files(done).items()}


@pytest.mark.slow
def test_markets_through_files_are_those_in_memory(tmp_path):
    signed, one, other = trades.agreement("market"), np.random.default_rng(12), np.random.default_rng(12)
    for run in range(THROUGH_FILES):
        found = through_files(signed, run, one, tmp_path / "each")
        kept = in_memory(signed, run, trades.draw(signed, other))
        owed = [name for name in found if name.endswith(("payment.json", "invoice.json", "delivery.json"))]
        assert len(owed) == len(signed.parties) + 2 * len(signed.buyers)
        assert {name: found[name] for name in owed} == {name: kept[name] for name in owed}


EUROS = """
[market]
sigma = 1.0
unit = "EUR"
contributors = ["Ann", "Bo"]
contributor_costs = [2.0, 3.0]
[[market.buyers]]
name = "lab"
count = 3
valuation = "table"
values = [0.0, 10.0, 30.0, 33.0]
[[market.buyers]]
name = "office"
valuation = "table"
monotone = false
values = [0.0, 12.0, 35.0, 9.0, 9.5]
"""


@pytest.fixture(scope="module")
def in_euros(tmp_path_factory):
    """From a file to returns: the agreement, what was handed in, the returns, and the page."""
    folder = tmp_path_factory.mktemp("euros")
    (folder / "mine.toml").write_text(EUROS, encoding="utf-8")
    agreement, handed, returns = folder / "agreement.json", folder / "handed in", folder / "returns"
    assert call("solve", folder / "mine.toml", "--json", agreement)[0] == 0
    signed = json.loads(agreement.read_text(encoding="utf-8"))
    asked = {row["name"]: row["samples"] for row in signed["contributors"]}
    assert sum(asked.values()) >= 2
    handed.mkdir()
    for k, (name, points) in enumerate(asked.items()):
        rows = [f"{5 + k + number / 10}\n" for number in range(points)]
        (handed / f"{name}.csv").write_text("value\n" + "".join(rows), encoding="utf-8")
    code, page, errors = call("run", agreement, handed, "-o", returns)
    assert (code, errors) == (0, "")
    return agreement, handed, returns, page


class TestEuros:
    """A market in euros with a buyer who may have too much."""

    @pytest.mark.long
    def test_the_office_is_sold_the_two_points_that_are_worth_most_to_it(self, in_euros):
        agreement, handed, returns, page = in_euros
        money = json.loads((returns / "operator.json").read_text(encoding="utf-8"))["money"]
        said = f"charged {money['charged']:.6g} EUR, paid {money['paid']:.6g} EUR, surplus 0 EUR"
        assert said in " ".join(page.split())
        assert call("verify", returns, agreement, "--submissions", handed) == (0, all_agrees(agreement, returns), "")
        invoice = json.loads((returns / "office" / "invoice.json").read_text(encoding="utf-8"))
        assert invoice["size"] == 2
        assert invoice["price"] == pytest.approx(35.0)
        delivery = json.loads((returns / "office" / "delivery.json").read_text(encoding="utf-8"))
        assert delivery["count"] == 2

    def test_an_agreement_to_sell_it_more_than_it_can_use_is_unsound(self, in_euros):
        """Three points are worth 9 to the office, not the 35 of two of them: it cannot leave one out."""
        signed = json.loads(in_euros[0].read_text(encoding="utf-8"))
        assert list(verify.KINDS["market"](signed).soundness()) == []
        signed["buyers"][1]["size"] = 3
        assert any("office is promised a value of 35" in line for line in verify.KINDS["market"](signed).soundness())

    @pytest.mark.parametrize("file", ["Ann/payment.json", "office/invoice.json"])
    def test_money_has_its_unit_and_no_other(self, in_euros, file, tmp_path):
        agreement, handed, returns, _ = in_euros
        copied = shutil.copytree(returns, tmp_path / "returns")
        document = json.loads((copied / file).read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.load(document["kind"]))
        assert document["unit"] == "EUR"
        for change, told in (({"unit": "USD"}, "unit is 'USD'"), ({}, "unit is missing")):
            changed = {key: value for key, value in document.items() if key != "unit"} | change
            (copied / file).write_text(json_text(changed), encoding="utf-8")
            code, out, errors = call("verify", copied, agreement, "--submissions", handed)
            assert (code, errors) == (1, "")
            assert any(line.startswith(f"{file}: {told}") for line in out.splitlines()), out

    def test_without_one_none_is_written(self):
        signed = trades.agreement("market")
        done = in_memory(signed, 0, trades.draw(signed, np.random.default_rng(0)))
        assert not any("unit" in document for document in done.values())


def test_an_agreement_on_weighted_data_is_not_verified():
    document = trades.document("models")
    document["problem"]["weights"] = [1.0, 0.5, 1.0, 1.0]
    with pytest.raises(verify.UnreadableError, match="data that count unequally are not carried out"):
        verify.KINDS["multiparty"](document)


@pytest.mark.slow
@pytest.mark.parametrize("trade", ["models", "free"])
def test_competitors_through_files_pay_what_was_promised(trade, tmp_path):
    """Whatever their points are: payments rest on their numbers alone."""
    signed, generator = trades.agreement(trade), np.random.default_rng(13)
    names = exchange.file_names(signed.parties)
    for run in range(THROUGH_FILES):
        files = through_files(signed, run, generator, tmp_path / "each")
        due = [files[f"{name}/invoice.json"]["due"] for name in names]
        assert due == pytest.approx(signed.payment.tolist(), rel=1e-12, abs=1e-15)


def test_a_question_whether_a_mechanism_exists_is_no_agreement(tmp_path):
    path = tmp_path / "agreement.json"
    document = {"kind": "multiparty", "valuation": "market-growth", "problem": {}, "fingerprint": "x"}
    path.write_text(json.dumps(document), encoding="utf-8")
    code, out, error = call("run", path, tmp_path, "-o", tmp_path / "returns")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "there is nothing to carry out" in error


class TestCommit:
    def test_the_commitment_is_that_of_the_digits_as_text(self, tmp_path):
        _, commitment, _ = call("commit", "-o", tmp_path / "secret.json")
        document = json.loads((tmp_path / "secret.json").read_text(encoding="utf-8"))
        command = f"printf %s {document['secret']} | sha256sum"
        told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.split()[0]
        assert commitment == f"{told}\n" == f"{document['commitment']}\n"
        assert stat.S_IMODE((tmp_path / "secret.json").stat().st_mode) == 0o600

    def test_no_secret_is_overwritten(self, tmp_path):
        call("commit", "-o", tmp_path / "secret.json")
        before = (tmp_path / "secret.json").read_bytes()
        code, out, error = call("commit", "-o", tmp_path / "secret.json")
        assert (code, out) == (2, "")
        assert "no secret is overwritten" in error
        assert (tmp_path / "secret.json").read_bytes() == before

    def test_the_hash_of_a_file_is_the_one_in_the_receipt(self, folder):
        _, seal, _ = call("commit", folder.submissions / "Ada.csv")
        folder.run()
        assert folder.read("Ada/receipt.json")["submission"] == seal.strip()

    @pytest.mark.parametrize("arguments", [(), ("a.csv", "-o", "b.json"), ("none.csv",), ("-o", "none/b.json")])
    def test_anything_else_is_refused(self, arguments, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, error = call("commit", *arguments)
        assert (code, out, error.count("\n")) == (2, "", 1)

    def test_a_secret_that_is_not_the_one_committed_to_is_refused(self, folder, tmp_path):
        path = tmp_path / "secret.json"
        path.write_text(json.dumps({"secret": "1" * 64, "commitment": "2" * 64}), encoding="utf-8")
        assert "not the one that was committed to" in folder.run("--secret", path)[2]
        path.write_text(json.dumps({"secret": "12"}), encoding="utf-8")
        assert "64 hexadecimal digits" in folder.run("--secret", path)[2]


class TestVerify:
    def test_names_what_does_not_agree(self, folder):
        folder.run()
        document = folder.read("Ada/estimate.json")
        document["cost"] = 0.5
        (folder.returns / "Ada" / "estimate.json").write_text(json.dumps(document), encoding="utf-8")
        code, out, error = call("verify", folder.returns, folder.agreement)
        assert (code, error) == (1, "")
        assert out.startswith("Ada/estimate.json: cost is 0.5, but ")

    def test_says_what_cannot_be_read(self, folder):
        code, out, error = call("verify", folder.returns, folder.agreement)
        assert (code, out, error.count("\n")) == (2, "", 1)


class TestSchema:
    def test_lists_and_prints(self):
        code, out, _ = call("schema")
        assert code == 0
        assert [line.split()[0] for line in out.splitlines()] == list(schemas.names())
        for name in schemas.names():
            code, out, _ = call("schema", name)
            jsonschema.Draft202012Validator.check_schema(json.loads(out))

    def test_unknown_ones_are_refused(self):
        code, out, error = call("schema", "recipt")
        assert (code, out) == (2, "")
        assert 'did you mean "receipt"?' in error

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (("solve", "three-agents"), "collaboration"),
            (("solve", "data-market"), "market"),
            (("solve", "competitors"), "multiparty"),
            (("examples",), "examples"),
            (("examples", "clinics"), "example"),
            (("doctor",), "doctor"),
            (("reproduce", "appendix-c"), "reproduction"),
        ],
    )
    def test_documents_of_other_commands_are_valid(self, arguments, name):
        jsonschema.validate(json.loads(call(*arguments, "--json", "-")[1]), schemas.load(name))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (("design", "three-agents"), "design"),
            (("solve", "market-growth"), "multiparty"),
            (("solve", "market-growth", "--boundary"), "multiparty"),
            (("audit", "three-agents", "--replications", "200"), "audit"),
            (("simulate", "three-agents", "--replications", "200"), "simulation"),
            (("reproduce", "competitors-figure-1"), "reproduction"),
        ],
    )
    def test_documents_of_long_commands_are_valid(self, arguments, name):
        jsonschema.validate(json.loads(call(*arguments, "--json", "-")[1]), schemas.load(name))

    @pytest.mark.long
    def test_the_document_of_a_sweep_is_valid(self, tmp_path):
        found = call("sweep", "uncertain-costs", "-o", tmp_path / "results", "--json", "-")
        jsonschema.validate(json.loads(found[1]), schemas.load("sweep"))


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from jaxmech import exchange
content = {{f"party {{i}}/{{file}}": b"x" * 20_000 for i in range(60) for file in ("estimate.json", "receipt.json")}}
content["operator.json"] = b"whole"
print("ready", flush=True)
started = time.perf_counter()
exchange.write_folder("-o", Path({target!r}), content)
print(time.perf_counter() - started, flush=True)
"""


@pytest.mark.slow
def test_whatever_is_killed_leaves_nothing_or_all(tmp_path):
    root = os.path.dirname(os.path.dirname(exchange.__file__)) + "/.."
    whole, took = 0, 0.2
    for moment in range(31):
        target = tmp_path / f"returns{moment}"
        code = KILLED.format(root=root, target=str(target))
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            if moment == 0:
                took = float(process.stdout.readline())
            else:
                time.sleep(took * 1.3 * moment / 30)
                process.kill()
        if target.exists():
            whole += 1
            assert (target / "operator.json").read_bytes() == b"whole"
            assert sum(path.stat().st_size == 20_000 for path in target.rglob("*.json")) == 120
    left = {path.name.rpartition(".")[2] for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left <= {"part"}
    assert 1 <= whole < 31
