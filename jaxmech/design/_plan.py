"""What a design returns: what is asked of everybody, the rule that keeps them honest, and what it costs."""

import dataclasses

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, Codes, Scalar
from jaxmech.collaboration import Role

__all__ = ["Design", "Role", "Rule"]


@pytree
@dataclasses.dataclass(frozen=True)
class Rule:
    """How noisy the rest is, by the discrepancy: linear between entries, the last one holding beyond.

    Two entries at one place are a jump. Units are each agent's own limit, and σ².

    Attributes:
        discrepancy: (entries,) in limits t; for linked distributions the largest of all |ȳ − z̄|/t.
        variance: (entries,) η²/σ² of the noise added to every point of the rest; ∞: withheld.
    """

    discrepancy: Array
    variance: Array


@pytree
@dataclasses.dataclass(frozen=True)
class Design:
    """A mechanism of the family: every agent's rest is the noisier the farther her data lie from others'.

    Attributes:
        samples: n*, what each agent collects (real numbers; rounded when data sets are collected).
        comparison: |Z|, points of others that she gets clean in any case and is compared with.
        rest: |Z'|, points of others that she gets with noise by the rule.
        limit: t, the discrepancy that the rule's entries are multiples of; ∞ where she is not checked.
        role: :class:`Role` codes.
        rule: the noise, by the discrepancy.
        failure: chance that an honest agent's discrepancy is beyond the limit: so often her rest is not clean.
        penalty: equilibrium penalty per agent.
        social_penalty: their sum.
        published: least social penalty of the published mechanisms on this problem; in whole samples if all numbers of
            the design are whole.
        family: proven bound of the social penalty, for rules of one distribution at a time.
        linked: whether failing on one distribution spoils the rest of all.
        origin: where the design comes from, in words.
        rival: name of the published mechanism behind ``published``.
    """

    samples: Amounts
    comparison: Amounts
    rest: Amounts
    limit: Amounts
    role: Codes
    rule: Rule
    failure: Amounts
    penalty: Agents
    social_penalty: Scalar
    published: Scalar
    family: Scalar
    linked: bool = dataclasses.field(metadata={"static": True})
    origin: str = dataclasses.field(metadata={"static": True})
    rival: str = dataclasses.field(metadata={"static": True})
