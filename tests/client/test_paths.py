"""Where profiles live: names that stay inside, folders that stay closed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tacit.client.paths import (
    BadProfileName,
    FolderFailed,
    NotPrivate,
    ProfilePaths,
    data_root,
    prepare_folders,
    profile_names,
    profile_paths,
    publish_profile,
    remove_profile,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def paths(tmp_path: Path) -> ProfilePaths:
    return profile_paths("alice", tmp_path / "data")


@pytest.mark.parametrize("name", ["a", "default", "alice-2", "a.b_c", "0", "x" * 32])
def test_good_profile_names(name: str, tmp_path: Path) -> None:
    paths = profile_paths(name, tmp_path)
    assert paths.folder == tmp_path / "profiles" / name
    assert {paths.store.parent, paths.key_file.parent, paths.lock.parent} == {paths.folder}


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "a\\b", "/abs", "c:", ".hidden", "-x", "a.", "Alice", "a b", "a\x00", "a\n"),
        *("x" * 33, "é", "con", "nul.txt", "com1", "a\u202eb"),
    ],
    ids=repr,
)
def test_bad_profile_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadProfileName):
        profile_paths(name, tmp_path)


def test_the_variable_says_where_the_data_lives(tmp_path: Path) -> None:
    assert data_root({"TACIT_DATA_DIR": str(tmp_path)}) == tmp_path
    assert data_root({"TACIT_DATA_DIR": "~/x"}) == Path.home() / "x"
    assert data_root({"TACIT_DATA_DIR": "here"}) == Path.cwd() / "here"
    assert data_root({"TACIT_DATA_DIR": ""}).name == "tacit"
    assert data_root({}).is_absolute()


def test_asking_for_paths_touches_no_disk(tmp_path: Path) -> None:
    paths = profile_paths("alice", tmp_path / "data")
    assert not paths.exist()
    assert profile_names(tmp_path / "data") == []
    assert list(tmp_path.iterdir()) == []


def test_folders_are_private_whatever_the_umask(paths: ProfilePaths) -> None:
    before = os.umask(0)
    try:
        assert prepare_folders(paths) == []
    finally:
        os.umask(before)
    assert [mode(f) for f in (paths.root, paths.folder.parent, paths.folder)] == [0o700] * 3


def test_what_was_open_to_others_is_closed_and_named(paths: ProfilePaths) -> None:
    prepare_folders(paths)
    paths.store.write_bytes(b"x")
    paths.store.chmod(0o644)
    paths.folder.chmod(0o755)
    assert prepare_folders(paths) == [paths.folder, paths.store]
    assert (mode(paths.folder), mode(paths.store)) == (0o700, 0o600)
    assert prepare_folders(paths) == []


def test_a_root_shared_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare_folders(profile_paths("alice", tmp_path))
    assert mode(tmp_path) == 0o755


def test_a_link_in_place_of_a_folder_or_file_is_refused(paths: ProfilePaths, tmp_path: Path) -> None:
    prepare_folders(paths)
    (tmp_path / "elsewhere").write_bytes(b"")
    paths.store.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotPrivate):
        prepare_folders(paths)
    remove_profile(paths)
    (tmp_path / "folder").mkdir()
    paths.folder.symlink_to(tmp_path / "folder")
    with pytest.raises(NotPrivate):
        prepare_folders(paths)


def test_a_file_where_a_folder_should_be_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(FolderFailed):
        prepare_folders(profile_paths("alice", tmp_path / "data"))


def test_profiles_are_listed_when_their_store_is_there(paths: ProfilePaths) -> None:
    for name in ("zoe", "bob", "empty"):
        prepare_folders(ProfilePaths(paths.root, name))
    for name in ("zoe", "bob"):
        ProfilePaths(paths.root, name).store.write_bytes(b"x")
    prepare_folders(paths.staged)
    paths.staged.store.write_bytes(b"x")
    assert profile_names(paths.root) == ["bob", "zoe"]


def test_a_staged_profile_appears_in_one_step(paths: ProfilePaths) -> None:
    prepare_folders(paths.staged)
    paths.staged.store.write_bytes(b"x")
    assert not paths.exist()
    assert publish_profile(paths)
    assert paths.exist()
    assert not paths.staged.folder.exists()


def test_publishing_never_replaces_a_profile(paths: ProfilePaths) -> None:
    for each in (paths, paths.staged):
        prepare_folders(each)
        each.store.write_bytes(each.folder.name.encode())
    assert not publish_profile(paths)
    assert paths.store.read_bytes() == b"alice"


def test_removing_a_profile_leaves_nothing_and_may_be_repeated(paths: ProfilePaths) -> None:
    prepare_folders(paths)
    paths.store.write_bytes(b"x")
    remove_profile(paths)
    remove_profile(paths)
    assert not paths.folder.exists()


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    before = os.umask(0)
    try:
        write_private(path, b"first")
        write_private(path, b"second")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"second"
    assert mode(path) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["key.json"]


def test_a_private_file_does_not_follow_a_link_left_in_its_way(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "key.json.new").symlink_to(victim)
    write_private(tmp_path / "key.json", b"secret")
    assert victim.read_bytes() == b"mine"
    assert (tmp_path / "key.json").read_bytes() == b"secret"


def test_a_private_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(FolderFailed):
        write_private(tmp_path / "missing" / "key.json", b"secret")
