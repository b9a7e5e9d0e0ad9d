from hypothesis import given
from hypothesis import strategies as st

from shared.domain.rollup import MOST_FOLDERS, MOST_NAME_BYTES, FolderRollup, Rollup

KEYS = st.lists(st.text("ab/", min_size=1, max_size=8).map(str.encode), unique=True, max_size=30).map(sorted)


@given(KEYS, st.integers(0, 3))
def test_every_key_is_summed_up_in_its_folder(keys: list[bytes], depth: int) -> None:
    sums = Rollup(depth=depth)
    covered = []
    for amount, start, end in sums.groups(keys):
        amount.s3_count += end - start
        covered += list(range(start, end))
        folders = {sums.folder(key) for key in keys[start:end]}
        assert len(folders) == 1
    assert covered == list(range(len(keys)))
    expected: dict[bytes, int] = {}
    for key in keys:
        expected[sums.folder(key)] = expected.get(sums.folder(key), 0) + 1
    assert {folder: amount.s3_count for folder, amount in sums.folders.items()} == expected


def test_folders_to_a_depth_below_the_root() -> None:
    sums = Rollup(root=b"job/", depth=2)
    assert [sums.folder(key) for key in (b"job/a", b"job/x/a", b"job/x/y/a", b"job/x/y/z/a", b"job//a")] == [
        b"job/", b"job/x/", b"job/x/y/", b"job/x/y/", b"job//",
    ]  # fmt: skip


def test_long_names_are_summed_up_higher() -> None:
    sums = Rollup(depth=2)
    for number in range(400):
        sums.of(b"a/" + b"%04d" % number * 250 + b"/").merge(FolderRollup(s3_count=1))
    assert sum(map(len, sums.folders)) <= MOST_NAME_BYTES + 1000
    assert sum(amount.s3_count for amount in sums.folders.values()) == 400


def test_too_many_folders_are_summed_up_higher() -> None:
    sums = Rollup(depth=2)
    for number in range(MOST_FOLDERS + 50):
        sums.of(b"a/%05d/" % number).merge(FolderRollup(s3_count=1))
    assert len(sums.folders) <= MOST_FOLDERS + 2
    assert sum(amount.s3_count for amount in sums.folders.values()) == MOST_FOLDERS + 50
