"""Untrusted XML lists: what is not needed is refused, and nothing else is opened."""

import socket
from pathlib import Path

import pytest

from keypoints.faces.dlib_xml import iter_images
from keypoints.faces.face import FormatError

MIB = 1 << 20


def write(path: Path, text: str) -> Path:
    (path / "list.xml").write_text(text, encoding="latin-1")
    return path / "list.xml"


def test_images_have_their_children_and_nothing_else_is_kept(tmp_path: Path) -> None:
    text = "<set><name>x</name><image file='a'><box><part/></box></image><image file='b'/></set>"
    first, second = iter_images(write(tmp_path, text))
    assert [element.tag for element in first.iter()] == ["image", "box", "part"]
    assert (first.get("file"), second.get("file")) == ("a", "b")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_and_blanks_before_the_declaration_are_accepted(
    tmp_path: Path, encoding: str
) -> None:
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><set><image file='\u00e4'/></set>"
    path = tmp_path / "list.xml"
    path.write_bytes(text.encode(encoding))
    assert [image.get("file") for image in iter_images(path)] == ["\u00e4"]
    path.write_bytes(b"\r\n \n" + text.encode("latin-1"))
    assert [image.get("file") for image in iter_images(path)] == ["\u00e4"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("<set>", "not well-formed XML"),
        ("", "not well-formed XML"),
        ("<?xml version='1.0' encoding='utf-99'?><set/>", "not well-formed XML: unknown encoding"),
        ("<set>&a;</set>", "not well-formed XML: undefined entity"),
        (
            "<!DOCTYPE set [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><set>&b;</set>",
            r"a document type \(set\)",
        ),
        (
            "<!DOCTYPE set [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><set>&a;</set>",
            r"a document type \(set\)",
        ),
        (f"<set>{' ' * 2 * MIB}</set>", "bytes without the end of an image's entry"),
        (f"<set a='{'b' * 2 * MIB}'/>", "bytes without the end of an image's entry"),
        ("<a>" * MIB, "bytes without the end of an image's entry"),
    ],
)
def test_a_broken_or_hostile_list_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(FormatError, match=rf"list\.xml: .*{rule}"):
        list(iter_images(write(tmp_path, text)))


def test_an_external_entity_opens_no_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/list.dtd"
        path = write(tmp_path, f"<!DOCTYPE set SYSTEM '{address}'>\n<set/>")
        with pytest.raises(FormatError, match="a document type"):
            list(iter_images(path))
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.xml: No such file"):
        list(iter_images(tmp_path / "none.xml"))
