"""The independent program on markets and competitors: accepts every honest exchange, and names whatever is changed."""

import json
import shutil

import numpy as np
import pytest

from jaxmech import verify
from jaxmech._json import json_text
from tests.exchange import trades as example
from tests.verify.exchanged import Exchanged
from tests.verify.test_verify import ZERO, drop, put, scale, swap
from tests.verify.test_verify import Case as SharedData


class Case(Exchanged):
    example = example

    def receipts(self, hashes):
        told = json.loads((self.returns / "operator.json").read_text(encoding="utf-8"))["parties"]
        files = ["invoice.json" if part["side"] == "buyer" else "receipt.json" for part in told]
        return [hashes.get(f"{part['folder']}/{file}", ZERO) for part, file in zip(told, files, strict=True)]


def other_numbers(data):
    """Too few, none, too many: whatever parties may do."""
    data[0] = [column[:-3] for column in data[0]]
    data[1] = [np.concatenate([column, [3.0, 4.0]]) for column in data[1]]
    data[2] = [np.full(7, 2.0) for _ in data[2]]


def nothing_of_one(data):
    data[1] = [np.zeros(0) for _ in data[1]]


@pytest.mark.parametrize("name", example.PROBLEMS)
@pytest.mark.parametrize("change", [None, other_numbers, nothing_of_one])
def test_honest_exchanges_are_accepted(name, change, tmp_path):
    case = Case(tmp_path, name, change=change, points=change is not nothing_of_one)
    assert case.verify() == []
    assert case.verify(known=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", example.PROBLEMS)
def test_many_honest_exchanges_are_accepted(name, tmp_path):
    for seed in range(60):
        (tmp_path / str(seed)).mkdir()
        change = [None, other_numbers, nothing_of_one][seed % 3]
        case = Case(tmp_path / str(seed), name, seed=seed, points=bool(seed % 2), change=change)
        assert case.verify() == []
        assert case.verify(known=False) == []


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Exchanges, to be copied and changed."""
    return {name: Case(tmp_path_factory.mktemp(name), name) for name in example.PROBLEMS}


@pytest.fixture
def cases(honest, tmp_path):
    def copy(name):
        copied = object.__new__(Case)
        for part in ("agreement", "submissions", "secret", "returns"):
            path = getattr(honest[name], part)
            target = tmp_path / path.name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
            setattr(copied, part, target)
        return copied

    return copy


PAID = ("payment_promised", "share", "refund", "allowance", "deduction", "payment", "cost")
CHARGED = ("size", "price", "delivered", "correction", "due")
GOT = ("count", "estimate", "standard_error")
INVOICED = ("size", "value", "outside", "payment_promised", "due")
MADE = ("quality", "count", "mean", "variance")
SELLER, BUYER = ("parties", 1), ("parties", 6)
BO, OFFICE = "Bo, B_", "office 1"

MARKET = [
    *((f"{BO}/payment.json", scale(key), key) for key in PAID),
    (f"{BO}/payment.json", put(False, "complete"), "complete"),
    (f"{BO}/payment.json", put(False, "trade"), "trade"),
    (f"{BO}/payment.json", put("Ada", "party"), "party"),
    (f"{BO}/payment.json", put(ZERO, "agreement"), "agreement"),
    (f"{BO}/payment.json", drop("deduction"), "deduction is missing"),
    (f"{BO}/payment.json", lambda it: it.update(bonus=1.0), "bonus is not expected"),
    *((f"{BO}/receipt.json", scale("checks", 0, key), key) for key in ("asked", "count", "mean", "discrepancy")),
    (f"{BO}/receipt.json", put(ZERO, "submission"), "submission"),
    (f"{BO}/receipt.json", put(ZERO, "nonce"), "nonce"),
    (f"{BO}/receipt.json", scale("cost"), "cost"),
    (f"{BO}/receipt.json", scale("counts", 0), "counts"),
    *((f"{OFFICE}/invoice.json", scale(key), key) for key in CHARGED),
    (f"{OFFICE}/invoice.json", put("lab/x", "type"), "type"),
    (f"{OFFICE}/invoice.json", put("office 2", "party"), "party"),
    (f"{OFFICE}/invoice.json", put(ZERO, "nonce"), "nonce"),
    *((f"{OFFICE}/delivery.json", scale(key), key) for key in GOT),
    (f"{OFFICE}/delivery.json", put("delivery", "type"), "type"),
    *(("operator.json", scale(*SELLER, key), key) for key in PAID),
    *(("operator.json", scale(*SELLER, "distributions", 0, key), key) for key in ("count", "mean", "discrepancy")),
    *(("operator.json", scale(*BUYER, key), key) for key in (*CHARGED, *GOT)),
    ("operator.json", put(True, *BUYER, "inverted"), "inverted"),
    ("operator.json", put(ZERO, *BUYER, "listed"), "listed"),
    ("operator.json", put("seller", *SELLER, "side"), "side"),
    ("operator.json", put("office 2", *BUYER, "folder"), "folder"),
    ("operator.json", swap("parties", 6, 7), "parties"),
    ("operator.json", swap("parties", 0, 6), "parties"),
    *(("operator.json", scale("money", key), key) for key in ("charged", "paid")),
    ("operator.json", put(1.0, "money", "surplus"), "surplus"),
    ("operator.json", drop("money"), "money is missing"),
    ("operator.json", put("f" * 64, "secret"), "secret"),
    ("operator.json", lambda it: it["remarks"].append({"party": None, "kind": "void", "text": "no trade"}), "remarks"),
    ("public.json", put("cbl", "mechanism"), "mechanism"),
    ("public.json", scale("totals", 0, "points"), "points"),
    ("public.json", put(ZERO, "parties", 6, "receipt"), "receipt"),
    ("public.json", swap("parties", 6, 7), "name"),
]  # fmt: skip
"""A file, a change, and a word of the line that must name it."""

MODELS = [
    *((f"{BO}/model.json", scale(key), key) for key in MADE),
    (f"{BO}/model.json", put("own", "model"), "model"),
    ("Cleo/model.json", put("best", "model"), "model"),
    ("Cleo/model.json", scale("mean"), "mean"),
    *((f"{BO}/invoice.json", scale(key), key) for key in INVOICED),
    (f"{BO}/invoice.json", put("Ada", "party"), "party"),
    (f"{BO}/invoice.json", lambda it: it.update(rebate=1.0), "rebate is not expected"),
    *((f"{BO}/receipt.json", scale("checks", 0, key), key) for key in ("asked", "count", "mean")),
    (f"{BO}/receipt.json", put(1.0, "cost"), "cost"),
    (f"{BO}/receipt.json", put(ZERO, "submission"), "submission"),
    *(("operator.json", scale(*SELLER, key), key) for key in (*INVOICED, *MADE)),
    ("operator.json", put(False, *SELLER, "present"), "present"),
    ("operator.json", put(None, *SELLER, "file"), "file"),
    ("operator.json", swap("parties", 0, 1), "parties"),
    *(("operator.json", scale("money", key), key) for key in ("charged", "surplus")),
    ("operator.json", put(1.0, "money", "paid"), "paid"),
    ("public.json", put("free", "mechanism"), "mechanism"),
    ("public.json", scale("totals", 0, "parties"), "parties"),
]  # fmt: skip

TAMPERED = [*(("market", *row) for row in MARKET), *(("models", *row) for row in MODELS)]
FORGED = [(*row, careful) for row in TAMPERED for careful in (False, True) if not careful or row[1] != "operator.json"]
"""Once as it is, once with all hashes made to agree; operator.json has no hash."""


def test_there_are_more_than_sixty_kinds_of_tampering():
    assert len(TAMPERED) > 60


@pytest.mark.parametrize(("name", "file", "change", "word", "careful"), FORGED)
def test_tampering_is_named(cases, name, file, change, word, careful):
    case = cases(name)
    case.edit(file, change)
    if careful:
        case.rehash()
    if careful and file == "public.json" and word == "receipt":
        case.edit(file, change)
    lines = case.verify()
    assert any(word in line and file in line for line in lines)
    assert all("\n" not in line for line in lines)


def harmed_by_her_own(document):
    """Payments that take what sharing brings are not truthful for a party whose own model harms her."""
    effects = document["problem"]["externality"]
    effects[1][1], effects[3][1] = -0.2, 2.0


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("market", lambda it: it["buyers"][0].update(price=it["buyers"][0]["price"] * 1.5), "would rather have"),
        ("market", lambda it: it["buyers"][1].update(price=0.4), "for what is worth"),
        ("market", lambda it: it["buyers"][1].update(value=0.4), "is promised a value of"),
        ("market", lambda it: it["buyers"][1].update(size=500), "more points are sold than collected"),
        ("market", lambda it: it["contributors"][0].update(payment=3.0), "Ada is promised 3"),
        ("market", lambda it: it["contributors"][0].update(cost=0.1), "for points that cost"),
        ("market", lambda it: it["problem"].update(contributor_costs=[1.0, 2.0, 3.0]), "costs of contributors"),
        ("market", lambda it: it["problem"]["buyers"][0].update(count=4), "buyers are not those"),
        ("market", lambda it: it["problem"]["buyers"][2].update(scale=0.1), "is promised a value of"),
        ("market", lambda it: it.update(profit=3.0), "profit is 3.0"),
        ("market", lambda it: it.update(revenue=3.0), "revenue is 3.0"),
        ("market", lambda it: it.update(total=130), "total is 130"),
        ("models", lambda it: it["payment"].__setitem__(0, 0.2), "is promised payment 0.2"),
        ("models", lambda it: it["allocation"].__setitem__(2, 0.9), "is promised allocation 0.9"),
        ("models", lambda it: it["utility"].__setitem__(2, 0.9), "is promised utility 0.9"),
        ("models", lambda it: it.update(revenue=2.0), "revenue is 2.0"),
        ("models", lambda it: it.update(welfare=2.0), "welfare is 2.0"),
        ("models", harmed_by_her_own, "gains by reporting"),
    ],
)
def test_an_unsound_agreement_is_named_although_everybody_signed_it(name, change, words):
    document = example.document(name)
    change(document)
    lines = list(verify.KINDS[document["kind"]](document).soundness())
    assert any(words in line for line in lines), lines


@pytest.mark.parametrize("name", example.PROBLEMS)
def test_every_agreement_is_sound(name):
    document = example.document(name)
    assert list(verify.KINDS[document["kind"]](document).soundness()) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("market", scale("contributors", 0, "cost")),
        ("market", scale("contributors", 1, "samples")),
        ("market", scale("buyers", 0, "price")),
        ("market", scale("buyers", 1, "size")),
        ("market", put("bank", "buyers", 1, "name")),
        ("market", scale("problem", "sigma")),
        ("models", scale("problem", "types", 0)),
        ("models", scale("problem", "externality", 0, 1)),
        ("models", put("linear", "problem", "quality")),
        ("models", put("free", "problem", "mechanism")),
        ("models", put(10, "problem", "points")),
        ("models", put("Zoë", "problem", "agents", 1)),
    ],
)
def test_an_agreement_that_is_not_the_signed_one_is_named(cases, name, change):
    case = cases(name)
    case.edit("agreement.json", change)
    assert any("fingerprint" in line for line in case.verify())
    case.edit("agreement.json", lambda it: None, signed=True)
    assert any("agreement" in line for line in case.verify(known=False))


class TestFiles:
    """Changes of what was handed in, and of points."""

    @pytest.mark.parametrize("known", [True, False])
    @pytest.mark.parametrize(("name", "folder"), [("market", OFFICE), ("models", "Cleo")])
    def test_a_point_that_was_returned(self, cases, name, folder, known):
        case = cases(name)
        path = case.returns / folder / "points.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        _, value, variance = lines[1].split(",")
        lines[1] = f"value,{float(value) + 0.01!r},{variance}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        case.rehash()
        assert any(f"{folder}/points.csv: value" in line for line in case.verify(known=known))

    @pytest.mark.parametrize("known", [True, False])
    def test_a_subset_that_another_buyer_has_too(self, cases, known):
        """The broker saves himself a draw: both offices get the same points."""
        case = cases("market")
        for file in ("delivery.json", "points.csv"):
            shutil.copy(case.returns / "office 2" / file, case.returns / OFFICE / file)
        case.edit(f"{OFFICE}/delivery.json", put(OFFICE, "party"))
        case.rehash()
        lines = case.verify(known=known)
        assert any(line.startswith(f"{OFFICE}/delivery.json: estimate") for line in lines)

    @pytest.mark.parametrize("name", ["market", "models"])
    def test_a_digit_of_a_point_that_was_handed_in(self, cases, name):
        case = cases(name)
        path = case.submissions / "Ada.csv"
        path.write_text(path.read_text(encoding="utf-8")[:-2] + "1\n", encoding="utf-8")
        assert any("submission" in line for line in case.verify())

    @pytest.mark.parametrize("name", ["market", "models"])
    def test_a_stranger_and_points_that_are_gone(self, cases, name):
        case = cases(name)
        (case.returns / "Ada" / "of-others.csv").write_text("1.0\n", encoding="utf-8")
        folder = OFFICE if name == "market" else "Ada"
        (case.returns / folder / "points.csv").unlink()
        lines = case.verify()
        assert "Ada/of-others.csv does not belong here" in lines
        assert f"{folder}/points.csv is missing" in lines

    def test_another_secret(self, cases):
        case = cases("market")
        case.secret.write_text(json.dumps({"secret": "1" * 64}), encoding="utf-8")
        assert case.verify() == ["operator.json: secret is not the one in the file"]

    @pytest.mark.parametrize("name", ["market", "models"])
    @pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b'{"parties": 3}'])
    def test_what_cannot_be_read_is_no_verdict_or_named(self, cases, name, content):
        case = cases(name)
        file = "office 1/invoice.json" if name == "market" else "Ada/model.json"
        path = case.returns / file
        path.unlink() if content is None else path.write_bytes(content)
        try:
            lines = case.verify()
        except verify.UnreadableError as error:
            lines = [f"{file} {error}"]
        assert any(file in line for line in lines)

    def test_an_agreement_of_another_kind(self, cases):
        case = cases("market")
        case.edit("agreement.json", put("sweep", "kind"))
        with pytest.raises(verify.UnreadableError, match="of kind 'sweep'"):
            case.verify()


def test_values_are_those_of_the_library():
    """Every kind of valuation, at sizes from one to very many."""
    import jax.numpy as jnp

    from jaxmech import market

    document = example.document("market")
    made = [market.exponential(0.6, 0.8), market.linear(1.0, 0.5), market.threshold(0.2),
            market.table([0.0, 0.01, 0.02, 0.02, 0.3])]  # fmt: skip
    own = verify.Market(document)
    for scale_ in (0.6, 0.01):
        document["problem"]["buyers"][0]["scale"] = scale_
        made[0] = market.exponential(scale_, 0.8)
        for j, valuation in enumerate(made):
            for size in (0.0, 1.0, 3.0, 40.0, 10_000.0):
                expected = float(valuation.by_size(jnp.asarray(size), 2.0))
                assert own.value(j, size) == pytest.approx(expected, rel=1e-7, abs=1e-12)


def leaves(value, *path):
    """Where every entry of a document is."""
    if isinstance(value, dict | list) and value:
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(entry, *path, key)
    else:
        yield path


def other(value):
    """Another value of the same type, as near as six digits."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * (1 + 1e-6) if abs(value) > 1e-9 else 1e-3  # what is smaller is but rounding
    return {None: 1.0, "inf": 1.0}.get(value, f"{value}x") if not isinstance(value, dict | list) else [1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "known"), [("means", True), ("tied", True), ("tied", False), ("models", False), ("cbl", True)]
)
def test_every_entry_of_every_document_is_verified(name, known, tmp_path):
    """One entry after the other is changed; without the files, those cannot be known that only they can tell."""
    case = Case(tmp_path, name) if name in example.PROBLEMS else SharedData(tmp_path, name)
    files = sorted(path.relative_to(case.returns).as_posix() for path in case.returns.rglob("*.json"))
    missed = []
    for file in files:
        before = (case.returns / file).read_bytes()
        document = json.loads(before)
        for path in leaves(document):
            if path == ("files", file):
                continue
            changed = json.loads(before)
            *way, last = path
            place = changed
            for key in way:
                place = place[key]
            place[last] = other(place[last])
            (case.returns / file).write_text(json_text(changed), encoding="utf-8")
            try:
                found = case.verify(known=known)
            except verify.UnreadableError:
                found = ["unreadable"]
            if not found:
                missed.append((file, path))
        (case.returns / file).write_bytes(before)
    assert missed == []
