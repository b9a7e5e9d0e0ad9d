from hypothesis import given
from hypothesis import strategies as st

from shared.domain.batching import batches
from shared.domain.objects import SourceObject


@given(st.lists(st.integers(0, 100)), st.integers(1, 10), st.integers(1, 200))
def test_every_object_is_in_one_batch_and_no_batch_is_too_big(sizes: list[int], keys: int, most_bytes: int) -> None:
    objects = [SourceObject(b"%d" % n, "e", size, 0) for n, size in enumerate(sizes)]
    cut = list(batches(objects, keys, most_bytes))
    assert [item for batch in cut for item in batch] == objects
    for batch in cut:
        assert 1 <= len(batch) <= keys
        assert len(batch) == 1 or sum(item.size for item in batch) <= most_bytes
