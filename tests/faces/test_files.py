"""Files of a data set, however another system packed or spelled them."""

from pathlib import Path

import pytest

from keypoints.faces.face import FormatError
from keypoints.faces.files import PhotoFinder, find_file, find_files


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_file_nearest_to_the_top_is_found_in_any_case(tmp_path: Path):
    touch(tmp_path, "a/list.xml", "B/LIST.XML", "b/c/list.xml", "__MACOSX/list.xml", "._list.xml")
    assert find_file(tmp_path, "missing.xml", "list.xml") == tmp_path / "a/list.xml"
    assert find_file(tmp_path / "B", "list.xml") == tmp_path / "B/LIST.XML"
    with pytest.raises(FormatError, match=r"no one\.xml or two\.xml below it"):
        find_file(tmp_path, "one.xml", "two.xml")


def test_two_different_files_of_one_name_are_named(tmp_path: Path):
    touch(tmp_path, "a/list.xml", "b/list.xml")
    with pytest.raises(FormatError, match=r"a/list\.xml and .*b/list\.xml differ; remove one"):
        find_file(tmp_path, "list.xml")
    (tmp_path / "b/list.xml").write_text("a/list.xml")
    assert find_file(tmp_path, "list.xml") == tmp_path / "a/list.xml"


def test_files_of_operating_systems_are_left_out(tmp_path: Path):
    touch(tmp_path, "1.asf", "deep/2.ASF", "._1.asf", "__MACOSX/deep/._2.asf", "@eaDir/1.asf")
    assert [path.name for path in find_files(tmp_path, "*.asf")] == ["1.asf", "2.ASF"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("afw/1.jpg", "afw/1.jpg"),
        ("AFW\\1.JPG", "afw/1.jpg"),
        (".\\afw\\1.jpg", "afw/1.jpg"),
        ("afw/2.jpg", "afw/2.JPG"),
        ("afw/2.png", "afw/2.png"),
        ("new/2.jpg", "new/2.jpg"),
        ("afw/1.jpg ", "afw/1.jpg"),
        ("afw/\xfc.jpg", "afw/u\u0308.jpg"),
        (f"{'x' * 300}/2.jpg", f"{'x' * 300}/2.jpg"),
    ],
)
def test_photo_is_found_as_another_system_spells_its_name(tmp_path: Path, name: str, found: str):
    touch(tmp_path, "afw/1.jpg", "afw/2.JPG", "afw/u\u0308.jpg")
    assert PhotoFinder(tmp_path).find(name) == found
