"""Skills from .md and .zip files: what they say, and what is refused."""

import io
import stat
import zipfile
from typing import Any

import pytest

from memos_integrations.engine._files_skill import check, skill
from memos_integrations.errors import BadRequest

PAGE = b"---\nname: deploy\ndescription: >-\n  How to deploy\n  the shop\n---\n# Steps\n\nRun it.\n"


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def code(end: str, data: bytes, of: Any = check) -> int:
    with pytest.raises(BadRequest) as caught:
        of(end, data)
    return caught.value.code


def test_front_matter_names_it() -> None:
    told = skill(".md", PAGE)
    assert (told["name"], told["description"]) == ("deploy", "How to deploy the shop")
    assert told["procedure"] == "# Steps\n\nRun it."
    quoted = skill(".md", b"\xef\xbb\xbf---\r\nname: 'a: b'\r\ndescription: \"c\"\r\n---\r\ntext")
    assert (quoted["name"], quoted["description"]) == ("a: b", "c")


def test_so_do_a_heading_and_a_paragraph() -> None:
    told = skill(".md", b"# Deploy\n\n## At a glance\n\nHow to deploy\nthe shop.\n\nRun it.")
    assert (told["name"], told["description"]) == ("Deploy", "How to deploy the shop.")


@pytest.mark.parametrize("page", [b"", b"text", b"# Name alone", b"---\nname: x\n---\n", b"\xff", b"# a\n\nb\0"])
def test_without_a_name_or_a_description_it_is_none(page: bytes) -> None:
    assert code(".md", page) == 50107


def test_a_zip_with_its_small_files() -> None:
    files = {
        "SKILL.md": PAGE,
        "scripts/run.sh": b"echo",
        "notes/a.txt": b"hi",
        "a.bin": b"\xff\xfe",
        "b.txt": b"x" * 200_000,
    }
    told = skill(".zip", packed(files))
    assert told["name"] == "deploy"
    assert (told["script"], told["others"]) == ({"scripts/run.sh": "echo"}, {"notes/a.txt": "hi"})


def test_what_is_kept_of_a_zip_has_a_bound() -> None:
    files = {f"{n}.txt": b"x" * 100_000 for n in range(20)}
    told = skill(".zip", packed({"SKILL.md": PAGE, **files}))
    assert len(told["others"]) == 10


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up.txt", "a/../../up.txt", "a\\..\\up.txt", "C:/x.txt", "..", "a/.."]
)
def test_a_path_that_leads_out(path: str) -> None:
    assert code(".zip", packed({"SKILL.md": PAGE, path: b"x"})) == 50107


def test_a_link_in_a_zip() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("SKILL.md", PAGE)
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    assert code(".zip", out.getvalue()) == 50107


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_path() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("SKILL.md", PAGE)
        made.writestr("SKILL.md", b"# Other\n\nwords")
    assert code(".zip", out.getvalue()) == 50107


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"other.md": PAGE}, 50107),
        ({"folder/SKILL.md": PAGE}, 50107),
        ({"SKILL.md": b"no name"}, 50107),
        ({"SKILL.md": b"# a\n\n" + b"b" * 102_400}, 50104),
        ({"SKILL.md": PAGE, "big": bytes((10 << 20) + 1)}, 50104),
        ({"SKILL.md": PAGE, **{str(n): b"" for n in range(200)}}, 50104),
    ],
    ids=["none", "below", "nameless", "page", "member", "many"],
)
def test_a_zip_beyond_its_limits(members: dict[str, bytes], expected: int) -> None:
    assert code(".zip", packed(members)) == expected


def test_sizes_of_the_files_themselves() -> None:
    assert code(".zip", bytes((20 << 20) + 1)) == 50104
    assert code(".zip", b"none") == 50107
    assert code(".md", PAGE + bytes(102_400)) == 50104


def test_a_file_that_is_larger_than_it_says() -> None:
    """The directory of a .zip says what it likes; what is unpacked is counted."""
    data = packed({"SKILL.md": PAGE, "a.txt": b"x" * 50_000})
    said = (50_000).to_bytes(4, "little")
    assert data.count(said) == 2
    lying = data.replace(said, (10).to_bytes(4, "little"))
    check(".zip", lying)
    assert code(".zip", lying, skill) == 50107


def test_a_damaged_member() -> None:
    data = packed({"SKILL.md": PAGE, "a.txt": b"x" * 50}, zipfile.ZIP_STORED)
    assert code(".zip", data.replace(b"x" * 50, b"y" * 50), skill) == 50107
