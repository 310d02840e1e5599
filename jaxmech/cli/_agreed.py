"""A signed agreement instead of a problem file: the mechanism that it describes, with the numbers that were signed."""

from pathlib import Path
from typing import Any

from jaxmech._errors import ProblemError
from jaxmech.cli._choice import Choice
from jaxmech.cli._options import Output
from jaxmech.cli._play import Carried, FromDesign, carry, named
from jaxmech.cli._run import read_json


def is_agreement(file: str) -> bool:
    """Return whether what was named is a JSON document: a file whose first sign is a brace.

    Args:
        file: what was named on the command line.
    """
    try:
        path = Path(file)
        if not path.is_file():
            return False
        with path.open("rb") as opened:
            return opened.read(64).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def read_signed(file: str, choice: Choice, output: Output) -> tuple[Any, dict[str, Any], Any]:
    """Return the case and the document of an agreement to share data, and what it says of the exchange.

    Args:
        file: a path.
        choice: what the command line says instead, which must be nothing.
        output: notes how long it takes, and keeps off the file.

    Raises:
        ProblemError: if it is no such agreement, was changed, or another division or mechanism is asked for.
    """
    from jaxmech import exchange, files

    with output.timed("read"):
        document = read_json("agreement", file)
        output.spare([Path(file)])
        case = files.read_agreed(document, file, output.dtype)
        agreed = exchange.read_agreement(document, file)
    for option, given in (("--division", choice.division), ("--mechanism", choice.mechanism)):
        if given is not None:
            raise ProblemError(option, given, "means nothing for an agreement, which says what was agreed")
    return case, document, agreed


def carry_signed(case: Any, document: dict[str, Any], agreed: Any, output: Output) -> Carried:
    """Return the mechanism of an agreement: a design as it was signed; a published plan is solved again.

    Args:
        case: its problem.
        document: its JSON.
        agreed: what it says of the exchange.
        output: notes how long the parts take.

    Raises:
        ProblemError: for a design with panels, and what is no number.
    """
    from jaxmech import files

    if case.mechanism != files.DESIGNED:
        return carry(case, Choice(None, None), output)
    from jaxmech._status import Status
    from jaxmech.design import designed_mechanism
    from jaxmech.exchange._reader import Reader

    if case.values is not None:
        with named(case.source):
            raise ProblemError("panels", "given", "signed designs with panels are not audited: audit the problem file")
    plan = signed_design(case, document, agreed)
    with output.timed("proof"):
        machine = designed_mechanism(case.problem, plan)
    given = document.get("status")
    told: dict[str, Any] = given if isinstance(given, dict) else {}
    status = Status.__members__.get(str(told.get("name")), Status.UNPROVEN)
    residual = float(Reader.numbers("status.residual", told.get("residual", 0.0), ()))
    return FromDesign(case, plan, machine, status, residual)


def signed_design(case: Any, document: dict[str, Any], agreed: Any) -> Any:
    """Return a design as it was signed, in whole samples.

    Args:
        case: its problem, whose distributions are measured one by one.
        document: its JSON.
        agreed: what :func:`jaxmech.exchange.read_agreement` makes of it.
    """
    import jax.numpy as jnp

    from jaxmech.collaboration import Role
    from jaxmech.design import RIVALS, Calibration, Design, Rule, origin_of
    from jaxmech.exchange._reader import Reader

    dtype = case.problem.costs.dtype
    published, noise = document.get("published"), agreed.noise
    published = published if isinstance(published, dict) else {}
    follows = None
    if agreed.follows is not None:
        spread, level = (jnp.asarray(part, dtype) for part in agreed.follows)
        follows = Calibration(spread, level, tuple(case.sigma_range))
    codes = [[Role[str(entry).upper()] for entry in row] for row in agreed.role.tolist()]
    rival = str(published.get("name"))
    return Design(
        samples=jnp.asarray(agreed.samples, dtype),
        comparison=jnp.asarray(agreed.comparison, dtype),
        rest=jnp.asarray(agreed.rest, dtype),
        limit=jnp.asarray(agreed.limit, dtype),
        role=jnp.asarray(codes, jnp.int32),
        rule=Rule(jnp.asarray(noise.discrepancy, dtype), jnp.asarray(noise.variance, dtype)),
        failure=jnp.asarray(Reader.numbers("failure", document.get("failure"), agreed.samples.shape), dtype),
        penalty=jnp.asarray(agreed.penalty, dtype),
        social_penalty=jnp.asarray(agreed.penalty.sum(), dtype),
        published=jnp.asarray(Reader.numbers("published.social_penalty", published.get("social_penalty"), ()), dtype),
        family=jnp.asarray(Reader.numbers("family_bound", document.get("family_bound"), ()), dtype),
        linked=jnp.asarray(noise.linked),
        origin_code=jnp.asarray(origin_of(str(document.get("origin")))),
        rival_code=jnp.asarray(RIVALS.index(rival) if rival in RIVALS else 0),
        calibration=follows,
        ellipsoid=jnp.asarray(True) if noise.ellipsoid else None,
    )
