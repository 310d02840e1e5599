"""The certificate of a design beside the published mechanisms: the host shell that hands both to the proof."""

import jax.numpy as jnp
import numpy as np

from jaxmech._status import Solution, Status
from jaxmech.collaboration import Problem
from jaxmech.design._carried_out import is_whole
from jaxmech.design._plan import Design
from jaxmech.design._published import best_published
from jaxmech.design.proof import Proven, Published, certificate, holds, prove, ratio
from jaxmech.mechanism import Audit


def certify(problem: Problem, design: Design, proven: Proven | None = None) -> tuple[Audit, ...]:
    """Return what is certain about a design, claims first.

    - "individually rational": nobody pays more than alone; in whole samples if all numbers of the design are whole.
    - "Nash incentive compatible": truthful submission is optimal for any amounts by theorem, and no amounts, in all
      distributions at once, gain: proven by duality between all grid points.
    - "penalties as promised": recomputed from amounts, limits and the rule, without the optimiser.
    - "feasible": nobody is given more points of others than there are.
    - "no worse than the published mechanisms": their least social penalty on this problem, in whole samples if all
      numbers of the design are whole.
    - "kept on whole data": carried out on data sets, in whole numbers of points, nobody pays more or less than she is
      promised by more than 3 %. Nothing else is proven for data sets unless all numbers of the design are whole.
    - "honest agents pass": a fact: how often their data are withheld.
    - "Nash incentive compatible on whole data up to rounding": a fact about designs in fractions: what is left to gain.

    Args:
        problem: the problem.
        design: from :func:`design`.
        proven: from :func:`prove`, if it is known.

    Returns:
        Audits with relative margins. Host only.

    Source: this package; the theorems are in ``design/_terms.py``, the proofs in ``design/proof``.
    """
    known = prove(problem, design) if proven is None else proven
    return certificate(problem, design, known, rival(problem, design))


def proven_design(problem: Problem, design: Design) -> Solution[Design]:
    """Return a design that was found inside a transformation, its status after the proof.

    Args:
        problem: the problem.
        design: from :func:`design`, under ``jit``, ``vmap`` or :func:`jaxmech.batch`, of this problem.

    Returns:
        Solution around the same design: OK if everything that it claims is proven, UNPROVEN if not. The residual is the
        largest gain left open, relatively. Host only.

    Source: this package; see :func:`certify`.

    Example:
        >>> import jax
        >>> from jaxmech.design import design
        >>> problem = Problem(costs=[[1.0]] * 4, sigma=100.0)
        >>> found = jax.jit(design)(problem)
        >>> found.status.item(), proven_design(problem, found.value).status.item()  # UNPROVEN, OK
        (7, 0)
    """
    proven = prove(problem, design)
    held = holds(problem, design, proven, rival(problem, design))
    left = max(float(np.max(1 - ratio(proven.least, proven.honest))), 0.0)
    status = jnp.asarray(Status.OK if held else Status.UNPROVEN, jnp.int32)
    return Solution(design, status, jnp.asarray(left), jnp.asarray(1, jnp.int32))


def rival(problem: Problem, design: Design) -> Published:
    """The best published mechanism, in whole samples if all numbers of the design are whole."""
    return Published(*best_published(problem, whole=is_whole(design)))
