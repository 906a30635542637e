"""Skills: files within limits, versions, skills carried elsewhere and brought in."""

from __future__ import annotations

import asyncio
import io
import json
import stat
import zipfile
from typing import Any

import aiohttp
import pytest

from conftest import Person, Reply, Server

SKILLS = "/api/v1/skills"
MAIN = {"path": "SKILL.md", "content": "# Maps\nLook north."}


def form(skill_id: str = "maps", **more: Any) -> dict[str, Any]:
    return {"id": skill_id, "name": skill_id.title(), "content": "# Maps", **more}


def archive(entries: dict[str, bytes | str], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return made.getvalue()


async def bring(person: Person, name: str, content: bytes, decisions: Any = None) -> Reply:
    """Preview an import, or carry it out as decided."""
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
    (await ada.post(f"{SKILLS}/create", form(content=None, files=files))).refused(400, "[ERROR: Error creating skill]")
    (await bring(ada, "x.json", json.dumps({"id": "x", "name": "x", "files": files}).encode())).refused(400, reason)


async def test_archives_that_would_burst_are_refused(ada: Person) -> None:
    bomb = archive({"SKILL.md": "# x", "zeros": bytes(11 * 1024**2)})
    assert len(bomb) < 50_000
    (await bring(ada, "bomb.zip", bomb)).refused(400, "Archive exceeds import limits")
    many = archive({"SKILL.md": "# x", **{f"f{n}": b"" for n in range(20_001)}}, zipfile.ZIP_STORED)
    (await bring(ada, "many.zip", many)).refused(400, "Archive exceeds import limits")
    # One that says less of itself than it holds: the size in both heads is made smaller.
    liar = archive({"SKILL.md": b"# x", "zeros": bytes(9 * 1024**2)})
    liar = liar.replace((9 * 1024**2).to_bytes(4, "little"), (8).to_bytes(4, "little"))
    assert (await bring(ada, "liar.zip", liar)).status == 400
    packed = archive({"SKILL.md": "# x"}, zipfile.ZIP_BZIP2)
    (await bring(ada, "bz.zip", packed)).refused(400, "Skill archive uses an unsupported compression method")


async def test_archives_reach_nothing_outside(ada: Person) -> None:
    for name in ("../SKILL.md", "/SKILL.md", "a/../../SKILL.md", "C:/SKILL.md"):
        assert (await bring(ada, "x.zip", archive({name: "# x"}))).status == 400
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("SKILL.md", "# x")
        link = zipfile.ZipInfo("passwords")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    (await bring(ada, "link.zip", made.getvalue())).refused(400, "Archives cannot contain links or special files")


async def test_heads_that_unfold_without_end_are_no_heads(ada: Person) -> None:
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9)]
    text = "---\n" + "\n".join(rows) + "\nname: *j\n---\n# x"
    (found,) = (await bring(ada, "x.md", text.encode())).ok()
    assert found["name"] == "Imported skill"


async def test_skills_go_out_and_come_in_again(server: Server, ada: Person) -> None:
    files = [MAIN, {"path": "data/x.png", "content": "iVBORw0KGgo=", "encoding": "base64"}]
    (await ada.post(f"{SKILLS}/create", form(content=None, files=files, meta={"tags": ["geo"]}))).ok()
    packed = await ada.get(f"{SKILLS}/export", format="zip")
    assert packed.headers["content-disposition"] == 'attachment; filename="skills.zip"'
    with zipfile.ZipFile(io.BytesIO(packed.body)) as file:
        assert sorted(file.namelist()) == ["maps/SKILL.md", "maps/data/x.png"]
    exported = (await ada.get(f"{SKILLS}/export", ids="maps")).ok()
    assert (await ada.delete(f"{SKILLS}/id/maps/delete")).ok() is True
    (preview,) = (await bring(ada, "maps.json", json.dumps(exported).encode())).ok()
    assert preview["id_taken"] is False and preview["files"][1]["size"] == 8
    decisions = [{"action": "create"}]
    (made,) = (await bring(ada, "maps.json", json.dumps(exported).encode(), decisions)).ok()
    assert made == {"status": "saved", "id": "maps"}
    again = (await ada.get(f"{SKILLS}/export", ids="maps")).ok()
    assert again == exported


async def test_importing_needs_its_permission_and_replacing_the_right_to_write(server: Server, ada: Person) -> None:
    bob = await server.add_user(ada, "Bob")
    (await ada.post(f"{SKILLS}/create", form())).ok()
    content = json.dumps({**form(), "content": "# Mine"}).encode()
    (await bring(bob, "x.json", content)).refused(403, "Import permission required")
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["workspace"]["skills_import"] = True
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()
    (preview,) = (await bring(bob, "x.json", content)).ok()
    assert preview["can_replace"] is False and preview["expected_version_id"] is None
    version = (await ada.get(f"{SKILLS}/id/maps")).ok()["version_id"]
    decisions = [{"action": "replace", "expected_version_id": version}]
    (told,) = (await bring(bob, "x.json", content, decisions)).ok()
    assert told["status"] == "error" and told["error"] == "Access denied"
    assert (await ada.get(f"{SKILLS}/id/maps")).ok()["content"] == "# Maps"


async def test_of_two_who_change_files_at_once_one_is_told(ada: Person) -> None:
    version = (await ada.post(f"{SKILLS}/create", form())).ok()["version_id"]
    changes = [
        form(content=None, expected_version_id=version, operations=[{"op": "put", "path": f"{n}.md", "content": "x"}])
        for n in range(3)
    ]
    replies = await asyncio.gather(*(ada.post(f"{SKILLS}/id/maps/update", change) for change in changes))
    assert sorted(reply.status for reply in replies) == [200, 409, 409]
    assert len((await ada.get(f"{SKILLS}/id/maps/history")).ok()) == 2


async def test_files_are_downloads_and_versions_keep_theirs(ada: Person) -> None:
    first = (await ada.post(f"{SKILLS}/create", form())).ok()["version_id"]
    page = {"op": "put", "path": "page.html", "content": "<script>alert(1)</script>"}
    change = form(content=None, expected_version_id=first, operations=[page])
    second = (await ada.post(f"{SKILLS}/id/maps/update", change)).ok()["version_id"]
    one = f"{SKILLS}/id/maps"
    reply = await ada.get(f"{one}/files/content?path=page.html&version_id={second}")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in reply.headers["content-security-policy"]
    (await ada.get(f"{one}/files/content?path=page.html&version_id={first}")).refused(404, "File not found")
    found = (await ada.get(f"{one}/history/diff", from_id=first, to_id=second)).ok()
    assert found["files"] == [{"path": "page.html", "status": "added", "binary": False}]
    body = {"version_id": first, "expected_version_id": second}
    back = (await ada.post(f"{one}/update/version", body)).ok()
    assert [file["path"] for file in back["data"]["files"]] == ["SKILL.md"]
    (await ada.post(f"{one}/update/version", body)).refused(409)


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
