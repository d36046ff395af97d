"""What a crash keeps: nothing synced is ever lost, and of the rest only what the model allows."""

import itertools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windtunnel.base.streams import Stream
from windtunnel.sim.files import nodes
from windtunnel.sim.files.nodes import SECTOR_BYTES, File

SEEDS = range(400)


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def durable_directory(path="/data"):
    os.makedirs(path)
    sync_directory("/")
    sync_directory(path)


def put(path, data, *, sync=True, mode="wb"):
    with open(path, mode) as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def contents(path):
    """What is there after a boot; None for no file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def outcomes(make_disk, program, look, **options):
    """Everything that `look` finds after a crash of `program`, over the seeds."""
    found = set()
    for seed in SEEDS:
        disk = make_disk(seed, **options)
        disk.on(program)
        disk.files.crash()
        found.add(disk.on(look))
    return found


# --- Contents: brute force over small logs ---

change = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 8), st.binary(min_size=1, max_size=5)),
    st.tuples(st.just("truncate"), st.integers(0, 10)),
    st.tuples(st.just("sync")),
    st.tuples(st.just("failed sync")),
)


def apply(image, step):
    """One change, in the plainest way."""
    if step[0] == "truncate":
        return image[: step[1]].ljust(step[1], b"\0")
    _, offset, data = step
    image = image.ljust(offset, b"\0")
    return image[:offset] + data + image[offset + len(data) :]


def allowed(steps, *, reorder):
    """Every content that a crash after `steps` may leave."""
    durable, pending = b"", []
    for step in steps:
        if step[0] == "sync":
            for done in pending:
                durable = apply(durable, done)
            pending = []
        elif step[0] == "failed sync":
            pending = []  # dropped for good
        else:
            pending.append(step)
    count = len(pending)
    chosen = (
        itertools.product([False, True], repeat=count) if reorder else [[i < k for i in range(count)] for k in range(count + 1)]
    )
    states = set()
    for keep in chosen:
        kept = [step for step, keeps in zip(pending, keep, strict=True) if keeps]
        image = durable
        for step in kept[:-1]:
            image = apply(image, step)
        if not kept:
            states.add(image)
        elif kept[-1][0] == "truncate":
            states.add(apply(image, kept[-1]))
        else:
            _, offset, data = kept[-1]
            states |= {apply(image, ("write", offset, data[:cut])) for cut in range(1, len(data) + 1)} | {image}
    return states


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(change, max_size=7), seed=st.integers(0, 10**6), reorder=st.booleans())
def test_a_crash_leaves_one_of_the_allowed_contents(steps, seed, reorder):
    """Whatever was written, truncated and synced: the contents are durable ones plus a prefix, the last write perhaps torn."""
    file, image = File(1, 0), b""
    for step in steps:
        if step[0] == "sync":
            file.synced()
        elif step[0] == "failed sync":
            file.dropped()
        else:
            getattr(file, step[0])(*step[1:])
            image = apply(image, step)
    assert bytes(file.data) == image
    certain = file.durable()
    states = allowed(steps, reorder=reorder)
    assert certain in states
    file.crashed(Stream(seed, "crash"), reorder=reorder)
    assert bytes(file.data) in states
    assert file.durable() == bytes(file.data)


def test_every_allowed_content_is_found(make_disk):
    """Three unsynced writes of two bytes: all prefixes, each torn in the middle or not, come up over the seeds."""

    def program():
        durable_directory()
        put("/data/f", b"..")
        sync_directory("/data")
        with open("/data/f", "ab", buffering=0) as file:
            file.writelines((b"ab", b"cd", b"ef"))

    found = outcomes(make_disk, program, lambda: contents("/data/f"))
    assert found == {b"..", b"..a", b"..ab", b"..abc", b"..abcd", b"..abcde", b"..abcdef"}


def test_reordered_writes_may_leave_holes(make_disk):
    """With `reorder` a later write may survive an earlier one; without it never."""

    def program():
        durable_directory()
        put("/data/f", b"")
        sync_directory("/data")
        with open("/data/f", "r+b", buffering=0) as file:
            file.write(b"a")
            file.write(b"b")

    def look():
        return contents("/data/f")

    assert outcomes(make_disk, program, look, reorder=True) == {b"", b"a", b"\0b", b"ab"}
    assert outcomes(make_disk, program, look) == {b"", b"a", b"ab"}


def test_large_writes_tear_at_bytes_and_at_sectors(make_disk):
    """A torn write ends anywhere, but often at a sector of the file."""

    def program():
        durable_directory()
        put("/data/f", b"x" * 100)
        sync_directory("/data")
        put("/data/f", b"y" * 5000, sync=False, mode="ab")

    sizes = outcomes(make_disk, program, lambda: len(contents("/data/f")))
    torn = sizes - {100, 5100}
    assert {size % SECTOR_BYTES for size in torn} > {0}
    assert sum(size % SECTOR_BYTES == 0 for size in torn) >= 5


@pytest.mark.parametrize("limit", ["UNSYNCED_WRITES_MAX", "UNSYNCED_BYTES_MAX"])
def test_a_long_log_is_written_back(monkeypatch, limit):
    """The log of a file that is never synced stays bounded; what leaves it is durable."""
    monkeypatch.setattr(nodes, limit, 100)
    file = File(1, 0)
    for _ in range(1000):
        file.write(len(file.data), b"x")
    assert len(file.log) <= 100
    assert len(file.durable()) + len(file.log) == 1000
    file.dropped()
    for _ in range(200):
        file.write(len(file.data), b"y")
    assert file.durable().count(b"y") + len(file.log) == 200


# --- Names ---


def test_a_synced_file_without_a_synced_name_may_be_gone(make_disk):
    """Fsync of a file says nothing about its name: only fsync of the directory does."""

    def program():
        durable_directory()
        put("/data/f", b"hello")

    assert outcomes(make_disk, program, lambda: contents("/data/f")) == {None, b"hello"}

    def program_that_syncs():
        program()
        sync_directory("/data")

    assert outcomes(make_disk, program_that_syncs, lambda: contents("/data/f")) == {b"hello"}


def test_a_directory_needs_its_own_name_synced(make_disk):
    """Syncing a new directory does not make the directory itself durable."""

    def program():
        os.mkdir("/data")
        put("/data/f", b"hello")
        sync_directory("/data")

    assert outcomes(make_disk, program, lambda: contents("/data/f")) == {None, b"hello"}


def test_journalled_file_systems_sync_all_names(make_disk):
    """With `journalled` the sync of any file makes the names so far durable, as ext4 happens to do."""

    def program():
        os.mkdir("/data")
        put("/data/f", b"hello")

    assert outcomes(make_disk, program, lambda: contents("/data/f"), journalled=True) == {b"hello"}


def replace_safely(*, directory_sync=True, file_sync=True):
    def program():
        durable_directory()
        put("/data/f", b"old")
        sync_directory("/data")
        put("/data/f.tmp", b"new", sync=file_sync)
        os.replace("/data/f.tmp", "/data/f")
        if directory_sync:
            sync_directory("/data")

    return program


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (replace_safely(), {b"new"}),
        (replace_safely(directory_sync=False), {b"old", b"new"}),
        (replace_safely(file_sync=False), {b"", b"n", b"ne", b"new"}),
    ],
    ids=["all", "without-directory-sync", "without-file-sync"],
)
def test_replacing_a_file_by_the_book(make_disk, program, expected):
    """Write beside, sync, rename, sync the directory; each step left out can be seen after some crash, and only then."""
    assert outcomes(make_disk, program, lambda: contents("/data/f")) == expected


def test_a_rename_is_whole_across_directories(make_disk):
    """After a crash in between, a file moved from one directory to another is in exactly one of them."""

    def program():
        durable_directory("/a")
        durable_directory("/b")
        put("/a/f", b"x")
        sync_directory("/a")
        os.rename("/a/f", "/b/f")
        put("/a/later", b"")
        put("/b/later", b"")

    found = outcomes(make_disk, program, lambda: (contents("/a/f"), contents("/b/f")))
    assert found == {(b"x", None), (None, b"x")}

    def look():
        return contents("/b/f") is not None, os.path.exists("/a/later"), os.path.exists("/b/later")

    found = outcomes(make_disk, program, look)
    assert found == {(False, False, False), (True, False, False), (True, True, False), (True, False, True), (True, True, True)}


def test_a_rename_stands_on_what_came_before_it(make_disk):
    """A rename to another directory survives only with the earlier changes of the directory that it left."""

    def program():
        durable_directory("/a")
        durable_directory("/b")
        put("/a/f", b"x")
        sync_directory("/a")
        put("/a/first", b"")
        os.rename("/a/f", "/b/f")

    found = outcomes(make_disk, program, lambda: (os.path.exists("/a/first"), os.path.exists("/b/f")))
    assert found == {(False, False), (True, False), (True, True)}


def test_links_are_counted_through_crashes(make_disk):
    """The number of names of a file is right after links, unlinks, replacements, and crashes that undo them."""

    def program():
        durable_directory()
        put("/data/f", b"x")
        os.link("/data/f", "/data/g")
        sync_directory("/data")
        os.link("/data/f", "/data/h")
        os.unlink("/data/g")
        put("/data/i", b"")
        os.rename("/data/i", "/data/h")

    def look():
        count = len([name for name in "fgh" if contents(f"/data/{name}") == b"x"])
        assert os.stat("/data/f").st_nlink == count
        return count

    assert make_disk().on(lambda: (program(), look())[1]) == 1
    assert outcomes(make_disk, program, look) == {1, 2, 3}


def test_syncing_one_side_of_a_rename_makes_it_durable(make_disk):
    """A rename is durable once either directory is synced, with what came before it in both; other names are not."""

    def program():
        durable_directory("/a")
        durable_directory("/b")
        put("/a/first", b"")
        put("/a/f", b"x")
        os.rename("/a/f", "/b/f")
        put("/a/second", b"")
        sync_directory("/b")

    found = outcomes(make_disk, program, lambda: (os.path.exists("/a/first"), contents("/b/f"), os.path.exists("/a/second")))
    assert found == {(True, b"x", False), (True, b"x", True)}


def test_names_of_one_directory_survive_in_order(make_disk):
    """Of changes in one directory a prefix survives; directories are independent."""

    def program():
        durable_directory("/a")
        durable_directory("/b")
        for name in ("/a/1", "/b/1", "/a/2", "/b/2"):
            put(name, b"")

    found = outcomes(make_disk, program, lambda: (tuple(sorted(os.listdir("/a"))), tuple(sorted(os.listdir("/b")))))
    prefixes = [(), ("1",), ("1", "2")]
    assert found == set(itertools.product(prefixes, prefixes))


def test_a_lost_unlink_brings_the_file_back(make_disk):
    """Deleting takes a directory sync too; the contents are those that were durable."""

    def program():
        durable_directory()
        put("/data/f", b"x")
        sync_directory("/data")
        os.unlink("/data/f")

    assert outcomes(make_disk, program, lambda: contents("/data/f")) == {None, b"x"}


def test_deleting_a_file_of_the_lower_layer_can_be_lost(make_disk, tmp_path):
    """What the real file system has comes back when the deletion was not synced, and stays away when it was."""
    below = tmp_path / "below"
    below.write_bytes(b"real")

    assert outcomes(make_disk, lambda: os.unlink(below), lambda: contents(below)) == {None, b"real"}

    def synced():
        os.unlink(below)
        sync_directory(tmp_path)

    assert outcomes(make_disk, synced, lambda: contents(below)) == {None}
    assert below.read_bytes() == b"real"


def test_unsynced_writes_over_the_lower_layer_are_undone(make_disk, tmp_path):
    """The durable contents of a file that was only read before are those of the real one."""
    below = tmp_path / "below"
    below.write_bytes(b"real")
    found = outcomes(make_disk, lambda: put(below, b"X", sync=False, mode="r+b"), lambda: contents(below))
    assert found == {b"real", b"Xeal"}


names = st.sampled_from(["a/1", "a/2", "b/1", "b/2"])
step = st.one_of(
    st.tuples(st.just("create"), names),
    st.tuples(st.just("unlink"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("sync"), st.sampled_from(["a", "b"])),
)


def play(steps):
    """The names after each step, in the plainest way, with what each changed; a file is known by the step that made it."""
    state, log = {}, []
    for i, (kind, *args) in enumerate(steps):
        changes = None
        if kind == "create" and args[0] not in state:
            changes = {args[0]: i}
        elif kind == "unlink" and args[0] in state:
            changes = {args[0]: None}
        elif kind == "rename" and args[0] in state and args[0] != args[1]:
            changes = {args[0]: None, args[1]: state[args[0]]}
        elif kind == "sync":
            changes = args[0]
        if isinstance(changes, dict):
            state = {k: v for k, v in {**state, **changes}.items() if v is not None}
        if changes is not None:
            log.append(changes)
    return log


def allowed_names(steps):
    """Every state of names that a crash may leave: all sets of changes that are prefixes in each directory."""
    log = play(steps)
    changes = [c for c in log if isinstance(c, dict)]
    touched = [{name[0] for name in c} for c in changes]
    certain, count = set(), 0
    for entry in log:
        if isinstance(entry, dict):
            count += 1
            continue
        wanted = {entry}
        for i in reversed(range(count)):
            if touched[i] & wanted:
                certain.add(i)
                wanted |= touched[i]
    states = set()
    for keep in itertools.product([False, True], repeat=len(changes)):
        kept = {i for i, keeps in enumerate(keep) if keeps}
        closed = all(j in kept for i in kept for j in range(i) if touched[i] & touched[j])
        if certain <= kept and closed:
            state = {}
            for i in sorted(kept):
                state = {k: v for k, v in {**state, **changes[i]}.items() if v is not None}
            states.add(tuple(sorted(state.items())))
    return states


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, max_size=9), seed=st.integers(0, 10**6))
def test_a_crash_leaves_one_of_the_allowed_trees(make_disk, steps, seed):
    """Whatever was created, moved, removed and synced in two directories: the names left are a state of the model."""

    def program():
        durable_directory("/a")
        durable_directory("/b")
        for i, (kind, *args) in enumerate(steps):
            paths = ["/" + name for name in args]
            if kind == "create" and not os.path.exists(paths[0]):
                put(paths[0], b"%d" % i)
            elif kind == "unlink" and os.path.exists(paths[0]):
                os.unlink(paths[0])
            elif kind == "rename" and os.path.exists(paths[0]):
                os.rename(*paths)
            elif kind == "sync":
                sync_directory(paths[0])

    def look():
        state = {f"{d}/{name}": int(contents(f"/{d}/{name}")) for d in "ab" for name in os.listdir("/" + d)}
        return tuple(sorted(state.items()))

    disk = make_disk(seed)
    disk.on(program)
    disk.files.crash()
    left = disk.on(look)
    assert left in allowed_names(steps)
    disk.files.crash()
    assert disk.on(look) == left, "what is there after a boot is durable"


# --- Processes and machines ---


def test_a_killed_process_leaves_the_page_cache(disk):
    """A kill loses what Python had buffered, and nothing that was written; locks and descriptors are gone."""

    def program():
        file = open("/f", "wb")
        file.write(b"written")
        file.flush()
        file.write(b" buffered")
        return file

    file = disk.on(program)
    disk.files.kill()
    file.close()  # as the collector would: into nothing
    assert disk.on(lambda: contents("/f")) == b"written"
    assert disk.files.descriptors == {}


def test_buffers_of_a_dead_process_never_reach_the_disk(disk):
    """A file object that is flushed after the crash writes nowhere, though the path exists again."""
    file = disk.on(lambda: open("/f", "wb"))
    file.write(b"of the former life")
    disk.files.crash()
    disk.on(lambda: put("/f", b"new"))
    file.flush()
    del file
    assert disk.on(lambda: contents("/f")) == b"new"


def test_a_dead_host_has_no_disk(disk):
    """Code that is closed after its host died gets an error and does not reach the real files either."""
    disk.life.alive = False
    with pytest.raises(OSError, match="down"):
        disk.on(lambda: open("/f", "wb"))
    with pytest.raises(OSError, match="down"):
        disk.on(lambda: os.unlink("/f"))


def test_the_same_seed_loses_the_same(make_disk):
    """What a crash keeps is decided by the stream alone."""

    def program():
        durable_directory()
        for i in range(20):
            put(f"/data/{i}", b"x" * 100 * i, sync=False)

    def after():
        disk = make_disk(7)
        disk.on(program)
        return disk.files.crash(), disk.files.tree()

    assert after() == after()


def test_a_crash_says_what_it_took(disk):
    """The counts of lost writes, bytes and names add up with what was unsynced."""

    def program():
        durable_directory()
        put("/data/f", b"")
        sync_directory("/data")
        put("/data/f", b"xyz", sync=False)
        os.link("/data/f", "/data/g")

    disk.on(program)
    assert disk.files.unsynced() == [
        "/data/f: 1 writes, 3 bytes",
        "/data/g: 1 writes, 3 bytes",
        "/data: the name 'g' is set",
    ]
    lost = disk.files.crash()
    left = disk.on(lambda: (contents("/data/f"), os.path.exists("/data/g")))
    assert lost.bytes == 3 - len(left[0])
    assert lost.names == (0 if left[1] else 1)
    assert disk.files.unsynced() == []
