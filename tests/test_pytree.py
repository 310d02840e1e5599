"""Registration of records: what is compiled for, what is kept, and what is not handed to the wrong people."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from jaxmech import collaboration
from jaxmech._pytree import pytree
from jaxmech.collaboration import Problem


@pytree
@dataclasses.dataclass(frozen=True)
class Named:
    value: jax.Array
    kind: str = dataclasses.field(metadata={"static": True})
    name: str = dataclasses.field(metadata={"label": "nobody"})


@pytree
@dataclasses.dataclass(frozen=True)
class Holder:
    inner: Named


def compiled_shapes(function):
    traced = []

    def counted(problem):
        traced.append(problem)
        return function(problem)

    return jax.jit(counted), traced


def test_records_that_differ_in_labels_alone_share_what_is_compiled():
    function, traced = compiled_shapes(lambda record: record.value + 1)
    for name in ("Ann", "Bob"):
        function(Named(jnp.ones(2), "a", name))
    assert len(traced) == 1
    function(Named(jnp.ones(2), "b", "Ann"))
    assert len(traced) == 2


def test_problems_of_other_agents_share_one_compilation_and_keep_their_names():
    function, traced = compiled_shapes(lambda problem: collaboration.alone_samples(problem))
    problems = [Problem([[1.0], [2.0]], 1.0, agents=names) for names in (["Ann", "Bob"], ["Cy", "Di"], None)]
    for problem in problems:
        function(problem)
    assert len(traced) == 1
    doubled = [jax.tree.map(lambda leaf: 2 * leaf, problem) for problem in problems]
    assert [problem.agents for problem in doubled] == [("Ann", "Bob"), ("Cy", "Di"), None]
    assert [problem.agent_name(1) for problem in doubled] == ["Bob", "Di", "agent 2"]


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, lambda function: jax.jit(jax.vmap(function))])
def test_nobody_is_handed_the_names_of_those_for_whom_was_compiled(transform):
    function = transform(lambda record: jax.tree.map(lambda leaf: leaf, record))
    for name in ("Ann", "Bob"):
        assert function(Named(jnp.ones(2), "a", name)).name == "nobody"


def test_inside_a_transformation_there_is_no_label():
    seen = []
    jax.jit(lambda record: seen.append(record.name) or record.value)(Named(jnp.ones(2), "a", "Ann"))
    assert seen == ["nobody"]


def test_equality_is_about_labels_too_and_hashes_agree_with_it():
    one, other = (Named(jnp.ones(2), "a", name) for name in ("Ann", "Bob"))
    assert one == Named(jnp.ones(2), "a", "Ann")
    assert one != other
    assert Holder(one) != Holder(other)
    assert hash(one) == hash(Named(jnp.ones(2), "a", "Ann"))
    assert jax.tree.structure(one) == jax.tree.structure(other)
