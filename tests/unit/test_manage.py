"""What an operator is answered, where the answer needs no service."""

import pytest

from shared.domain.errors import BucketError
from shared.entrypoints import manage
from tests.world import filled


async def test_a_run_that_never_was_is_an_error_and_no_zeros() -> None:
    world, said = filled(3), list[object]()
    run = await world.run()
    await manage.run(world.stores.ports, said.append, run)
    assert [answer["balanced"] for answer in said if isinstance(answer, dict)] == [True]
    with pytest.raises(BucketError, match="there is no run 'list-m99'"):
        await manage.run(world.stores.ports, said.append, "list-m99")
    assert len(said) == 1
