"""That what `make chaos MUTATE=all` plants can be planted, and that there are seeds to find it."""

import ast
from itertools import islice

import pytest

from local.children import ROOT
from tests.chaos.mutations import MUTATIONS, Mutation, planted


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_what_it_names_and_is_python(mutation: Mutation) -> None:
    with planted(mutation) as tree:
        for file in {edit.file for edit in mutation.edits}:
            changed = (tree / file).read_text()
            assert changed != (ROOT / file).read_text()
            ast.parse(changed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_three_of_two_hundred_seeds_may_find_it(mutation: Mutation) -> None:
    assert max(islice(mutation.seeds(), 3)) < 200
