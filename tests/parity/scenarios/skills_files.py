"""Files and versions of skills; export and import of skills."""

import io
import json
import zipfile

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_SKILLS = "/api/v1/skills"
_ONE = f"{_SKILLS}/id/maps"
_HISTORY = f"{_ONE}/history"
_IMPORT, _PREVIEW = f"{_SKILLS}/import", f"{_SKILLS}/import/preview"
_DEFAULT = "/api/v1/users/default/permissions"
_MAIN = {"path": "SKILL.md", "content": "---\nname: maps\n---\n# Maps\nLook north."}
_LIST = {"path": "data/places.csv", "content": "name,height\nBern,540\n"}
_BYTES = {"path": "data/pixel.png", "content": "iVBORw0KGgo=", "encoding": "base64"}
_FORM = {"id": "maps", "name": "Maps", "description": "Draws maps", "files": [_LIST, _MAIN, _BYTES]}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_PUT = {"op": "put", "path": "notes.txt", "content": "One\nTwo\n"}
_CONFLICT = {"version_id": "${first}", "expected_version_id": "${first}"}


def _make_zip(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(
                zipfile.ZipInfo(name.replace("__", "/").replace("_md", ".md"), (2024, 1, 1, 0, 0, 0)), content
            )
    return buffer.getvalue()


def _make_file(name: str, content: str | bytes, kind: str = "application/octet-stream"):
    return {"files": [name, content, kind]}


def _make_change(**more):
    return {"id": "maps", "name": "Maps", **more}


def _update_files(*operations, save="", expected="${second}", **more):
    body = _make_change(operations=list(operations), expected_version_id=expected)
    return post("ada", f"{_ONE}/update", body, **({"save": {save: "$.version_id"}} if save else {}), **more)


def _request_reads(who: str):
    return flatten_steps(
        refused_steps(who, "GET", f"{_ONE}/files"),
        refused_steps(who, "GET", f"{_ONE}/files/content", query={"path": "SKILL.md", "version_id": "${first}"}),
        refused_steps(who, "GET", _HISTORY),
        refused_steps(who, "GET", f"{_HISTORY}/${{first}}"),
        refused_steps(who, "GET", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${first}"}),
    )


_SKILL_ZIP = _make_zip(
    pens__SKILL_md="---\nname: Pens & ink\ndescription: About pens.\n---\n# Pens", pens__nib_md="A nib"
)
_TWO_ZIP = _make_zip(a__SKILL_md="# A", b__SKILL_md="---\nname: bees\n---\n# B", b__deep__SKILL_md="# Inner")
_JSON = json.dumps([{"id": "json", "name": "Json", "description": "d", "meta": {"tags": ["t"]}, "content": "# J"}])

STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "commit_message": "Begin"}, save={"first": "$.version_id"}),
    get("ada", f"{_ONE}/files"),
    get("ada", f"{_ONE}/files", query={"version_id": "${first}"}),
    get("ada", f"{_ONE}/files", query={"version_id": "nothing"}),
    get("ada", f"{_ONE}/files/content", query={"path": "data/places.csv", "version_id": "${first}"}),
    get("ada", f"{_ONE}/files/content", query={"path": "data/pixel.png", "version_id": "${first}"}),
    get("ada", f"{_ONE}/files/content", query={"path": "SKILL.md", "version_id": "${first}"}),
    get("ada", f"{_ONE}/files/content", query={"path": "nothing", "version_id": "${first}"}),
    get("ada", f"{_ONE}/files/content", query={"path": "SKILL.md"}),
    _request_reads("bob pending anonymous"),
    # Changes of files.
    post("ada", f"{_ONE}/update", _make_change(operations=[_PUT])),
    post(
        "ada",
        f"{_ONE}/update",
        _make_change(operations=[_PUT], expected_version_id="${first}"),
        save={"second": "$.version_id"},
    ),
    post("ada", f"{_ONE}/update", _make_change(operations=[_PUT], expected_version_id="${first}")),
    _update_files({"op": "move", "path": "data", "destination": "more/data"}, save="third"),
    _update_files({"op": "move", "path": "SKILL.md", "destination": "x.md"}, expected="${third}"),
    _update_files({"op": "delete", "path": "nothing"}, expected="${third}"),
    _update_files({"op": "put", "path": "/etc/passwd", "content": "x"}, expected="${third}"),
    _update_files({"op": "put", "path": "notes.txt/deeper", "content": "x"}, expected="${third}"),
    _update_files({"op": "fly", "path": "x"}, expected="${third}"),
    _update_files({"op": "put", "path": "x", "content": "%", "encoding": "base64"}, expected="${third}"),
    post("ada", f"{_ONE}/update", _make_change(files=[_MAIN], data={"files": [_MAIN]}, expected_version_id="${third}")),
    post("ada", f"{_ONE}/update", _make_change(files=[_MAIN, _MAIN], expected_version_id="${third}")),
    post("ada", f"{_ONE}/update", _make_change(content="# Maps\r\nLook south."), save={"fourth": "$.version_id"}),
    # Versions.
    get("ada", _HISTORY),
    get("ada", _HISTORY, query={"page": 2}),
    get("ada", f"{_SKILLS}/id/nothing/history"),
    get("ada", f"{_HISTORY}/${{first}}"),
    get("ada", f"{_HISTORY}/nothing"),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "${third}"}),
    get("ada", f"{_HISTORY}/diff", query={"from_id": "${first}", "to_id": "nothing"}),
    get("ada", f"{_HISTORY}/diff"),
    get(
        "ada",
        f"{_HISTORY}/diff/file",
        query={"from_id": "${third}", "to_id": "${fourth}", "path": "SKILL.md"},
        ignore=("$.diff",),
        why="its heads hold the first characters of ids",
    ),
    get("ada", f"{_HISTORY}/diff/file", query={"from_id": "${first}", "to_id": "${third}", "path": "data/pixel.png"}),
    get("ada", f"{_HISTORY}/diff/file", query={"from_id": "${first}", "to_id": "${second}", "path": "SKILL.md"}),
    get("ada", f"{_HISTORY}/diff/file", query={"from_id": "${first}", "to_id": "${second}", "path": "nothing"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    get("cy", f"{_ONE}/files", query={"version_id": "${first}"}),
    get("cy", _HISTORY),
    get("cy", f"{_HISTORY}/${{first}}"),
    refused_steps("cy bob pending anonymous", "POST", f"{_ONE}/update/version", _CONFLICT),
    refused_steps("cy bob pending anonymous", "DELETE", f"{_HISTORY}/${{first}}"),
    post("ada", f"{_ONE}/update/version", _CONFLICT),
    post("ada", f"{_ONE}/update/version", {"version_id": "nothing", "expected_version_id": "${fourth}"}),
    post("ada", f"{_ONE}/update/version", {"version_id": "${first}"}),
    post("ada", f"{_SKILLS}/id/nothing/update/version", _CONFLICT),
    post("ada", f"{_ONE}/update/version", {"version_id": "${first}", "expected_version_id": "${fourth}"}),
    delete("ada", f"{_HISTORY}/${{first}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    delete("ada", f"{_HISTORY}/${{second}}"),
    post("ada", f"{_ONE}/clone", {"id": "copy", "name": "Copy", "version_id": "${third}"}),
    # Export.
    refused_steps("anonymous pending bob", "GET", f"{_SKILLS}/export"),
    get("ada", f"{_SKILLS}/export", query={"ids": "maps"}),
    get("ada", f"{_SKILLS}/export", query={"ids": "maps", "version_id": "${fourth}"}),
    get("ada", f"{_SKILLS}/export", query={"version_id": "${fourth}"}),
    get("ada", f"{_SKILLS}/export", query={"ids": "nothing"}),
    get("ada", f"{_SKILLS}/export", query={"ids": "maps", "format": "tar"}),
    get("ada", f"{_SKILLS}/export", query={"format": "skill"}),
    get("ada", f"{_SKILLS}/export", query={"ids": "maps", "format": "skill"}, ignore=("$",), why="an archive's bytes"),
    get("ada", f"{_SKILLS}/export", query={"ids": "maps", "format": "zip"}, ignore=("$",), why="an archive's bytes"),
    get("ada", f"{_SKILLS}/export", unordered=("$",)),
    post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", {"skills_export": True})})),
    get("bob", f"{_SKILLS}/export"),
    get("bob", f"{_SKILLS}/export", query={"ids": "maps"}),
    # Import.
    post("ada", _PREVIEW, form=_make_file("pens.zip", _SKILL_ZIP)),
    post("ada", _PREVIEW, form=_make_file("two.skill", _TWO_ZIP)),
    post("ada", _PREVIEW, form=_make_file("notes.md", "---\nname: 12\n---\n# Notes")),
    post("ada", _PREVIEW, form=_make_file("json.json", _JSON)),
    post("ada", _PREVIEW, form=_make_file("maps.json", json.dumps({"name": "Maps", "files": [_MAIN]}))),
    post("ada", _PREVIEW, form={"files": [["f/a/SKILL.md", "# A", "text/plain"], ["f/a/b.txt", "b", "text/plain"]]}),
    post("ada", _PREVIEW, form={"files": [["f/a/b.txt", "b", "text/plain"]]}),
    post("ada", _PREVIEW, form=_make_file("up.zip", _make_zip(**{"..__SKILL_md": "# Up"}))),
    post("ada", _PREVIEW, form=_make_file("out.zip", _make_zip(a__SKILL_md="# A", other__x_md="x"))),
    post("ada", _PREVIEW, form=_make_file("none.zip", _make_zip(a_md="x"))),
    post("ada", _PREVIEW, form=_make_file("broken.zip", "no archive")),
    post("ada", _PREVIEW, form=_make_file("broken.json", "{")),
    post("ada", _PREVIEW, form=_make_file("x.exe", "MZ")),
    post("ada", _PREVIEW, form={"other": "x"}),
    post("ada", _PREVIEW),
    refused_steps("anonymous pending bob", "POST", _PREVIEW, form=_make_file("notes.md", "# Notes")),
    refused_steps(
        "anonymous pending bob", "POST", _IMPORT, form={**_make_file("notes.md", "# Notes"), "decisions": "[]"}
    ),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": "[]"}),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": "{"}),
    post("ada", _IMPORT, form=_make_file("pens.zip", _SKILL_ZIP)),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": '[{"action": "create"}]'}),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": '[{"action": "create"}]'}),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": '[{"action": "replace"}]'}),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": '[{"action": "eat"}]'}),
    post("ada", _IMPORT, form={**_make_file("pens.zip", _SKILL_ZIP), "decisions": "[{}]"}),
    get("ada", f"{_SKILLS}/id/pens-ink", save={"pens": "$.version_id"}),
    post(
        "ada",
        _IMPORT,
        form={
            **_make_file("pens.zip", _make_zip(p__SKILL_md="---\nname: Pens & ink\n---\n# Ink")),
            "decisions": '[{"action": "replace", "expected_version_id": "${pens}"}]',
        },
    ),
    post(
        "ada",
        _IMPORT,
        form={
            **_make_file("two.zip", _TWO_ZIP),
            "decisions": '[{"action": "copy", "id": "first", "name": "First"}, {"action": "create", "id": "b/c"}]',
        },
    ),
    get("ada", f"{_SKILLS}/list", query={"order_by": "name", "direction": "asc"}),
    # Import from an address.
    refused_steps("anonymous pending bob", "POST", f"{_SKILLS}/load/url", {"url": "https://example.com/x.zip"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "${upstream}/v1/models"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "http://localhost/x.zip"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "http://[::1]/x.zip"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "http://10.0.0.1/x.zip"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "http://169.254.169.254/latest"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "http://user:pass@example.com/x.zip"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "https://github.com/one"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "https://github.com/one/two/issues/3"}),
    post("ada", f"{_SKILLS}/load/url", {"url": "no address"}),
    post("ada", f"{_SKILLS}/load/url", {}),
)
