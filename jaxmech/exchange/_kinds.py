"""Agreements of every kind: sharing data, selling data, sharing models. A host shell around three kernels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.exchange._agreement import Agreement, read_plan
from jaxmech.exchange._exchange import Exchange, exchange_files, share
from jaxmech.exchange._handout import Handout, hand_out, handout_files
from jaxmech.exchange._market import MarketAgreement, read_market
from jaxmech.exchange._models import ModelAgreement, read_models
from jaxmech.exchange._sale import Sale, sale_files, sell
from jaxmech.exchange._submissions import Remark
from jaxmech.exchange._tables import Handed

AnyAgreement: TypeAlias = Agreement | MarketAgreement | ModelAgreement
AnyExchange: TypeAlias = Exchange | Sale | Handout

_READERS: Mapping[str, Callable[[Mapping[str, Any]], AnyAgreement]] = {
    "collaboration": read_plan,
    "market": read_market,
    "multiparty": read_models,
}


def read_agreement(document: Mapping[str, Any], source: str) -> AnyAgreement:
    """Return what a document says about carrying it out.

    Args:
        document: the JSON of ``jaxmech solve`` or ``jaxmech design``.
        source: what messages call it.

    Raises:
        ProblemError: if it is no agreement that can be carried out, or was changed after it was signed.
    """
    try:
        kind = one_of("kind", document.get("kind"), tuple(_READERS))
        return _READERS[kind](document)
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, error.rule) from None


def carry_out(
    agreement: AnyAgreement, handed: Sequence[Handed], remarks: Sequence[Remark], secret: str, seed: int | None = None
) -> AnyExchange:
    """Carry out an agreement on what was handed in.

    Args:
        agreement: what was signed.
        handed: by party.
        remarks: what is odd about it.
        secret: 64 hexadecimal digits.
        seed: from which the secret was made, if it was.
    """
    if isinstance(agreement, MarketAgreement):
        return sell(agreement, handed, remarks, secret, seed)
    if isinstance(agreement, ModelAgreement):
        return hand_out(agreement, handed, remarks, secret, seed)
    return share(agreement, handed, remarks, secret, seed)


def returned_files(done: AnyExchange, *, points: bool = False) -> dict[str, bytes]:
    """Return the content of every file of RETURNS by its path: a folder per party, and two files beside them.

    Args:
        done: from :func:`carry_out`.
        points: whether points themselves are returned.
    """
    if isinstance(done, Sale):
        return sale_files(done, points=points)
    if isinstance(done, Handout):
        return handout_files(done, points=points)
    return exchange_files(done, points=points)
