"""Skills: limits of their files, revisions, export and import."""

from __future__ import annotations

import asyncio
import io
import json
import stat
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from conftest import Person, Reply, Server
from fastback.features.skills import transfer_routes

SKILLS = "/api/v1/skills"
MAIN = {"path": "SKILL.md", "content": "# Maps\nLook north."}


def make_form(skill_id: str = "maps", **more: Any) -> dict[str, Any]:
    return {"id": skill_id, "name": skill_id.title(), "content": "# Maps", **more}


def make_archive(entries: dict[str, bytes | str], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return buffer.getvalue()


async def import_files(person: Person, name: str, content: bytes, decisions: Any = None) -> Reply:
    """Preview an import, or carry it out with these decisions."""
    data = aiohttp.FormData()
    data.add_field("files", content, filename=name, content_type="application/octet-stream")
    if decisions is None:
        return await person.post(f"{SKILLS}/import/preview", data=data)
    data.add_field("decisions", json.dumps(decisions))
    return await person.post(f"{SKILLS}/import", data=data)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([{"path": "notes.md", "content": ""}], "A skill requires a UTF-8 SKILL.md at its root"),
        ([MAIN, {"path": "../up.md", "content": ""}], "Invalid file path"),
        ([MAIN, {"path": "/etc/passwd", "content": ""}], "File paths must be relative POSIX paths"),
        ([MAIN, {"path": "a\\b", "content": ""}], "File paths must be relative POSIX paths"),
        ([MAIN, {"path": "a//b", "content": ""}], "Invalid file path"),
        (
            [MAIN, {"path": "a", "content": ""}, {"path": "a/b", "content": ""}],
            "A file is also used as a directory: a/b",
        ),
        ([MAIN, MAIN], "Duplicate file: SKILL.md"),
        ([MAIN, {"path": "big", "content": "x" * (10 * 1024**2 + 1)}], "File exceeds 10 MiB: big"),
        ([MAIN, *({"path": f"f{n}", "content": ""} for n in range(1000))], "A skill may contain at most 1000 files"),
    ],
)
async def test_files_stay_within_a_skill_and_its_limits(ada: Person, files: Any, reason: str) -> None:
    (await ada.post(f"{SKILLS}/create", make_form(content=None, files=files))).refused(
        400, "[ERROR: Error creating skill]"
    )
    (await import_files(ada, "x.json", json.dumps({"id": "x", "name": "x", "files": files}).encode())).refused(
        400, reason
    )


async def test_archives_that_expand_too_far_are_refused(ada: Person) -> None:
    bomb = make_archive({"SKILL.md": "# x", "zeros": bytes(11 * 1024**2)})
    assert len(bomb) < 50_000
    (await import_files(ada, "bomb.zip", bomb)).refused(400, "Archive exceeds import limits")
    many = make_archive({"SKILL.md": "# x", **{f"f{n}": b"" for n in range(20_001)}}, zipfile.ZIP_STORED)
    (await import_files(ada, "many.zip", many)).refused(400, "Archive exceeds import limits")
    # An archive that understates a size: both headers give a smaller one.
    understated = make_archive({"SKILL.md": b"# x", "zeros": bytes(9 * 1024**2)})
    understated = understated.replace((9 * 1024**2).to_bytes(4, "little"), (8).to_bytes(4, "little"))
    assert (await import_files(ada, "liar.zip", understated)).status == 400
    bzip2 = make_archive({"SKILL.md": "# x"}, zipfile.ZIP_BZIP2)
    (await import_files(ada, "bz.zip", bzip2)).refused(400, "Skill archive uses an unsupported compression method")


async def test_archives_cannot_write_outside_the_skill(ada: Person) -> None:
    for name in ("../SKILL.md", "/SKILL.md", "a/../../SKILL.md", "C:/SKILL.md"):
        assert (await import_files(ada, "x.zip", make_archive({name: "# x"}))).status == 400
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("SKILL.md", "# x")
        link = zipfile.ZipInfo("passwords")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    (await import_files(ada, "link.zip", buffer.getvalue())).refused(
        400, "Archives cannot contain links or special files"
    )


async def test_front_matter_with_exponential_aliases_is_ignored(ada: Person) -> None:
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9)]
    text = "---\n" + "\n".join(rows) + "\nname: *j\n---\n# x"
    (preview,) = (await import_files(ada, "x.md", text.encode())).ok()
    assert preview["name"] == "Imported skill"


async def test_exported_skills_are_imported_unchanged(server: Server, ada: Person) -> None:
    files = [MAIN, {"path": "data/x.png", "content": "iVBORw0KGgo=", "encoding": "base64"}]
    (await ada.post(f"{SKILLS}/create", make_form(content=None, files=files, meta={"tags": ["geo"]}))).ok()
    zip_reply = await ada.get(f"{SKILLS}/export", format="zip")
    assert zip_reply.headers["content-disposition"] == 'attachment; filename="skills.zip"'
    with zipfile.ZipFile(io.BytesIO(zip_reply.body)) as file:
        assert sorted(file.namelist()) == ["maps/SKILL.md", "maps/data/x.png"]
    exported = (await ada.get(f"{SKILLS}/export", ids="maps")).ok()
    assert (await ada.delete(f"{SKILLS}/id/maps/delete")).ok() is True
    (preview,) = (await import_files(ada, "maps.json", json.dumps(exported).encode())).ok()
    assert preview["id_taken"] is False and preview["files"][1]["size"] == 8
    decisions = [{"action": "create"}]
    (imported,) = (await import_files(ada, "maps.json", json.dumps(exported).encode(), decisions)).ok()
    assert imported == {"status": "saved", "id": "maps"}
    reexported = (await ada.get(f"{SKILLS}/export", ids="maps")).ok()
    assert reexported == exported


async def test_an_import_is_checked_before_it_is_stored(
    server: Server, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send_pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 100_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    path = f"{SKILLS}/import/preview"
    for form in (b"x" * 70_000, send_pieces()):
        (await bob.post(path, data=form, headers=headers)).refused(403, "Import permission required")
    monkeypatch.setattr(transfer_routes, "LARGEST_IMPORT", 1_000_000)
    # The body does not say how long it is.
    (await ada.post(path, data=send_pieces(), headers=headers)).refused(400, "Import exceeds 200 MiB")


async def test_importing_needs_a_permission_and_replacing_needs_write_access(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    (await ada.post(f"{SKILLS}/create", make_form())).ok()
    content = json.dumps({**make_form(), "content": "# Mine"}).encode()
    (await import_files(bob, "x.json", content)).refused(403, "Import permission required")
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"]["skills_import"] = True
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()
    (preview,) = (await import_files(bob, "x.json", content)).ok()
    assert preview["can_replace"] is False and preview["expected_version_id"] is None
    version = (await ada.get(f"{SKILLS}/id/maps")).ok()["version_id"]
    decisions = [{"action": "replace", "expected_version_id": version}]
    (result,) = (await import_files(bob, "x.json", content, decisions)).ok()
    assert result["status"] == "error" and result["error"] == "Access denied"
    assert (await ada.get(f"{SKILLS}/id/maps")).ok()["content"] == "# Maps"


async def test_concurrent_changes_of_files_conflict(ada: Person) -> None:
    version = (await ada.post(f"{SKILLS}/create", make_form())).ok()["version_id"]
    changes = [
        make_form(
            content=None, expected_version_id=version, operations=[{"op": "put", "path": f"{n}.md", "content": "x"}]
        )
        for n in range(3)
    ]
    replies = await asyncio.gather(*(ada.post(f"{SKILLS}/id/maps/update", change) for change in changes))
    assert sorted(reply.status for reply in replies) == [200, 409, 409]
    assert len((await ada.get(f"{SKILLS}/id/maps/history")).ok()) == 2


async def test_files_are_downloads_and_revisions_keep_their_files(ada: Person) -> None:
    first = (await ada.post(f"{SKILLS}/create", make_form())).ok()["version_id"]
    page = {"op": "put", "path": "page.html", "content": "<script>alert(1)</script>"}
    change = make_form(content=None, expected_version_id=first, operations=[page])
    second = (await ada.post(f"{SKILLS}/id/maps/update", change)).ok()["version_id"]
    skill_url = f"{SKILLS}/id/maps"
    reply = await ada.get(f"{skill_url}/files/content?path=page.html&version_id={second}")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in reply.headers["content-security-policy"]
    (await ada.get(f"{skill_url}/files/content?path=page.html&version_id={first}")).refused(404, "File not found")
    difference = (await ada.get(f"{skill_url}/history/diff", from_id=first, to_id=second)).ok()
    assert difference["files"] == [{"path": "page.html", "status": "added", "binary": False}]
    body = {"version_id": first, "expected_version_id": second}
    restored = (await ada.post(f"{skill_url}/update/version", body)).ok()
    assert [file["path"] for file in restored["data"]["files"]] == ["SKILL.md"]
    (await ada.post(f"{skill_url}/update/version", body)).refused(409)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x.zip",
        "http://0x7f000001/x.zip",
        "http://localhost/x.zip",
        "http://[::ffff:10.0.0.1]/x.zip",
        "http://[64:ff9b::7f00:1]/x.zip",
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/x",
        "http://1.1.1.1\\@127.0.0.1/x",
    ],
)
async def test_private_addresses_are_not_fetched_from(ada: Person, url: str) -> None:
    assert (await ada.post(f"{SKILLS}/load/url", {"url": url})).status in (400, 422)
