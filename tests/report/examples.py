"""Answers made by hand: reports are tested on numbers that no solver has to find first."""

import dataclasses

import numpy as np

from jaxmech import Status
from jaxmech.collaboration import POOLS, Advice, Efficiency, FreeRiding, Role
from jaxmech.mechanism import Audit
from jaxmech.report.collaboration import Accounts, Answer, Arrangement, Books, Whole
from jaxmech.report.design import Answer as DesignAnswer
from jaxmech.report.design import Offered

SETTINGS = {"version": "0", "jax": "0", "device": "cpu", "dtype": "float64", "seed": None}
ADVICE = Advice("rational", 10.0, {"rational": 14.0, "leverage": 12.0, "social": 13.0}, "leverage")


def answer(m: int = 24, d: int = 5, *, seed: int = 0, mechanism: str = "cbl", **changes) -> Answer:
    """A plausible answer with all three roles, an agent who cannot sample everything, and one who loses."""
    draw = np.random.default_rng(seed)
    costs = draw.lognormal(0.0, 0.6, (m, d)) * 0.05
    costs[draw.random((m, d)) < 0.1] = np.inf
    costs[0] = np.where(np.isfinite(costs[0]), costs[0], 0.05)
    sigma = np.linspace(1.0, 2.0, d)
    alone = np.where(np.isfinite(costs), sigma / np.sqrt(costs), 0.0)
    role = draw.choice([Role.RECEIVES, Role.CHECKED], (m, d), p=[0.6, 0.4])
    role[0] = Role.ALONE
    role[~np.isfinite(costs)] = Role.RECEIVES
    samples = np.where(role == Role.RECEIVES, 0.0, np.where(role == Role.ALONE, alone, 0.4 * alone))
    error = np.broadcast_to(sigma**2 / samples.sum(axis=0), (m, d)) * 1.4
    pays = error + np.where(samples > 0, samples * np.where(samples > 0, costs, 0), 0)
    penalty = pays.sum(axis=1)
    alone_penalty = 2 * (sigma * np.sqrt(costs)).sum(axis=1)
    claims = (
        Audit("individually rational", True, 0.12, 1e-6, "Clinic 3 pays 1.23, alone 1.40", "a formula evaluated"),
        Audit(
            "Nash incentive compatible",
            True,
            0.0,
            1e-6,
            "Clinic 7 on HDL: collecting 3 % less costs her the same",
            "a proof",
        ),
        Audit("condition (8)", False, -0.3, 1e-7, "Clinic 1 on glucose", "a formula evaluated", claimed=False),
    )
    whole = Whole(
        samples=np.round(samples), role=role, alpha=np.where(role == Role.CHECKED, 3.0, np.nan),
        total=np.round(samples).sum(axis=0), penalty=penalty * 1.01,
        social_penalty=float(penalty.sum() * 1.01), alone_samples=np.round(alone), alone_penalty=alone_penalty,
        loss=0.01, change=penalty * 0.01, worse_off=penalty * 1.01 - alone_penalty,
        certificates=claims[:2],
    )  # fmt: skip
    made = Answer(
        source="example", title="Clinics that share laboratory measurements",
        agents=tuple(f"Clinic {i + 1}" for i in range(m)), distributions=_names(d), costs=costs, sigma=sigma,
        price=np.ones(d), estimates=(), division="rational", mechanism=mechanism, alone_samples=alone,
        alone_penalty=alone_penalty, target=samples * 0.8, target_penalty=penalty * 0.8,
        target_social_penalty=float(penalty.sum() * 0.8), samples=samples, role=role,
        alpha=np.where(role == Role.CHECKED, 3.0, np.nan), total=samples.sum(axis=0), leverage=True, pays=pays,
        instead=1.2 * pays, nearest=samples / 2,
        free=free_riding(costs, sigma, samples) if mechanism in POOLS else None,
        penalty=penalty, social_penalty=float(penalty.sum()), whole=whole, currency="EUR",
        accounts=accounts(whole, role, costs, sigma, error),
        efficiency=Efficiency(1.25, 8.0, *(float(penalty.sum() / part) for part in (1.25, 1.6, 1.6, 2.0))),
        certificates=claims, advice=ADVICE,
        status=Status.OK, residual=1e-12, settings=SETTINGS,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def free_riding(costs, sigma, samples) -> FreeRiding:
    """Everybody's best while the others comply: what is missing to the amount that she would collect alone."""
    others, able = samples.sum(axis=0) - samples, np.isfinite(costs)
    best = np.where(able, np.maximum(sigma / np.sqrt(costs) - others, 0.0), 0.0)

    def paid(amounts):
        with np.errstate(divide="ignore"):
            return (sigma**2 / (others + amounts) + np.where(able, costs, 0.0) * amounts).sum(axis=1)

    return FreeRiding(best, paid(samples), paid(best))


def accounts(whole: Whole, role, costs, sigma, error) -> Accounts:
    """Books in whole samples: any errors do, for reports add nothing but sums."""

    def books(samples, errors):
        bill = np.where(samples > 0, samples * np.where(np.isfinite(costs), costs, 0), 0.0)
        return Books(samples, bill, errors, np.sqrt(errors))

    with np.errstate(divide="ignore"):
        alone = books(whole.alone_samples, sigma**2 / whole.alone_samples)
    return Accounts(books(whole.samples, error), alone, role, True, "EUR")


def _names(d: int) -> tuple[str, ...]:
    names = ("glucose", "total cholesterol", "triglycerides", "HDL", "creatinine")
    return names[:d] if d <= len(names) else tuple(f"test {k + 1}" for k in range(d))


def design(m: int = 24, d: int = 5, *, linked: bool = False, cap: float = np.inf, **changes) -> DesignAnswer:
    """The same agents under a design that nobody has optimised: roles are those of :func:`answer`."""
    base = answer(m, d)
    checked = base.is_role(Role.CHECKED)
    theirs = base.samples.sum(axis=0) - base.samples
    comparison = np.where(base.is_role(Role.ALONE), 0.0, np.where(checked, 0.2 * theirs, theirs))
    offered = Offered(
        comparison=comparison,
        rest=np.where(checked, theirs - comparison, 0.0),
        limit=np.where(checked, 1.5, np.inf),
        failure=np.where(checked, np.linspace(0.01, 0.05, m)[:, None], 0.0),
        discrepancy=np.array([0.0, 1.0, 1.0]),
        variance=np.array([0.0, 0.0, cap]),
        linked=linked,
    )
    kept = {field.name: getattr(base, field.name) for field in dataclasses.fields(Arrangement)}
    kept |= {"mechanism": "designed", "offered": offered, "origin": "linked thresholds" if linked else "thresholds"}
    social = base.social_penalty
    made = DesignAnswer(
        **kept, rival="cbl over the leverage division", published=1.25 * social, family=1.1 * social,
        baseline=social / 1.2, first_best=social / 1.5,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)
