"""The plan that parties sign and carry out: an answer with the numbers of its plan in whole samples throughout."""

import dataclasses

from jaxmech.report.collaboration._answer import Answer


def signed(answer: Answer) -> Answer:
    """Return an answer about the plan in whole samples, which keeps the one in fractions; itself where there is none.

    Amounts, roles, coefficients, penalties, temptations and certificates are those of the whole plan, and so is working
    alone. The division, what theory allows, and other choices stay those of the plan in fractions.

    Args:
        answer: one solved problem.
    """
    whole, accounts = answer.whole, answer.accounts
    if whole is None or accounts is None or answer.fractions is not None:
        return answer
    instead = answer.instead if accounts.instead is None else accounts.instead
    nearest = answer.nearest if accounts.nearest is None else accounts.nearest
    return dataclasses.replace(
        answer,
        fractions=answer,
        samples=whole.samples,
        role=whole.role,
        alpha=whole.alpha,
        total=whole.total,
        penalty=whole.penalty,
        social_penalty=whole.social_penalty,
        alone_samples=whole.alone_samples,
        alone_penalty=whole.alone_penalty,
        pays=accounts.plan.bill + accounts.plan.error,
        instead=instead,
        nearest=nearest,
        free=accounts.free,
        what_if=accounts.what_if,
        certificates=whole.certificates,
    )
