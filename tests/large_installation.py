"""The content of a large installation: what five hundred users leave behind in two years.

Ada, an administrator, has 5,000 of the 25,000 chats, a hundred folders and no archived chat; Bob, a user, has 1,500
chats, of which 300 are archived. Rows are generated, and identical in each run except for their times, which end now.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import bcrypt

ADA, BOB = "ada00000-0000-4000-8000-000000000001", "b0b00000-0000-4000-8000-000000000002"
#: The people who sign in, by name: their addresses are `{name}@example.com`.
PEOPLE = {"ada": ADA, "bob": BOB}
PASSWORD = "correct horse battery"
USERS, CHATTING = 500, 30
CHATS, ADAS_CHATS, BOBS_CHATS = 25_000, 5_000, 1_500
DAY = 86_400
PERIOD = 730 * DAY

#: Ada's folder that contains most of her chats, a folder of Bob's that Ada may read, and a folder of a few chats.
LARGE_FOLDER, SHARED_FOLDER, SMALL_FOLDER = "folder-large", "folder-shared", "folder-small"
#: A knowledge with 5,000 files, and a small one.
LARGE_KNOWLEDGE, SMALL_KNOWLEDGE = "knowledge-large", "knowledge-small"
#: Records of each kind; the first has a hundred revisions.
RECORDS = {"model": 200, "prompt": 200, "tool": 100, "skill": 60, "function": 20}
FILES_IN_LARGE_KNOWLEDGE = 5_000

_WORDS = re.findall(
    r"\w+",
    """
account answer apple basket before border branch bridge camera change circle coffee common copper corner create
danger degree design detail dinner doctor during editor effect engine estate family figure finger forest friend
garden golden ground growth handle height island jacket kitchen ladder length letter listen market matter member
memory mirror moment mother narrow nature needle number object office orange output pencil people person picture
planet pocket points potato public question railway reason record report result return rivers school season second
server shadow silver simple single sister spring square street strong summer supply system target tenant ticket
tomato travel trouble valley vessel village weight window winter wonder yellow
    """,
)


class Table(NamedTuple):
    """Rows of a table; JSON columns are texts."""

    name: str
    columns: str
    rows: Iterable[tuple[Any, ...]]


class Installation:
    """The tables of the installation, and the ids that requests need."""

    def __init__(self, now: int | None = None) -> None:
        self._random = random.Random(29)
        self.now = int(time.time()) if now is None else now
        self.groups = [f"group-{number:03}" for number in range(30)]
        self.users = [ADA, BOB, *(self._make_id() for _ in range(USERS - 2))]
        self.models = [f"model-{number:03}" for number in range(RECORDS["model"])]
        #: Chats of Ada: a usual one, one of 2,000 messages, and a shared one with the id of its share.
        self.chat, self.shared_chat, self.share = self._make_id(), self._make_id(), self._make_id()
        self.bobs_chat = self._make_id()

    def _make_id(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def _make_text(self, length: int) -> str:
        """Return words up to a length, from a supply of texts: making each anew would take half of the time."""
        start = self._random.randrange(len(self._supply) - length)
        return self._supply[start : start + length]

    @cached_property
    def _supply(self) -> str:
        return " ".join(self._random.choices(_WORDS, k=40_000))

    def iterate_tables(self) -> Iterator[Table]:
        """Yield the tables with their rows, in an order that keeps foreign keys valid."""
        yield from self._make_users()
        yield from self._make_folders()
        yield from self._make_chats()
        yield from self._make_files()
        yield from self._make_notes()
        yield from self._make_records()
        yield from self._make_grants()
        yield from self._make_feedback()
        yield from self._make_other_records()

    def _pick_time(self) -> int:
        return self.now - self._random.randrange(PERIOD)

    def _pick_owner(self) -> str:
        """Return a user: often Ada or Bob."""
        return self._random.choice((ADA, BOB, *self.users[2:12]))

    # -- users --------------------------------------------------------------------------------------------------------

    def _make_users(self) -> Iterator[Table]:
        picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 600
        settings = json.dumps({"ui": {"models": ["model-001"], "system": "x" * 1500}})
        password = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        names = {ADA: "Ada Lovelace", BOB: "Bob Ross"}
        addresses = {user_id: f"{name}@example.com" for name, user_id in PEOPLE.items()}
        users, credentials, members = [], [], []
        for number, user_id in enumerate(self.users):
            name = names.get(user_id) or f"{_WORDS[number % 97].title()} {_WORDS[number % 89].title()}"
            address = addresses.get(user_id, f"user{number}@example.com")
            at = self.now - PERIOD + number * 1000
            role = "admin" if number in (0, 40, 80) else "user"
            image = picture if number % 4 == 3 else "/user.png"
            users.append((user_id, name, address, role, image, self.now - number * 400, at, at, settings, "{}"))
            credentials.append((user_id, address, password if user_id in addresses else "", True))
            joined = self.groups[:5] if user_id == BOB else self._random.sample(self.groups, 3)
            members += [(self._make_id(), group_id, user_id, at, at) for group_id in joined]
        yield Table(
            "user",
            "id name email role profile_image_url last_active_at updated_at created_at settings info",
            users,
        )
        yield Table("auth", "id email password active", credentials)
        at = self.now - PERIOD
        groups = [
            (group_id, ADA, f"Group {group_id}", "A group", "{}", "{}", at, at, self.groups[0] if number > 25 else None)
            for number, group_id in enumerate(self.groups)
        ]
        yield Table(
            "group", "id user_id name description permissions data created_at updated_at parent_group_id", groups
        )
        yield Table("group_member", "id group_id user_id created_at updated_at", members)

    # -- chats --------------------------------------------------------------------------------------------------------

    def _make_folders(self) -> Iterator[Table]:
        self.folders = {user_id: [f"folder-{user_id[:8]}-{n}" for n in range(5)] for user_id in self.users[2:CHATTING]}
        self.folders[ADA] = [LARGE_FOLDER, SMALL_FOLDER, *(f"folder-ada-{number}" for number in range(98))]
        self.folders[BOB] = [SHARED_FOLDER, *(f"folder-bob-{number}" for number in range(19))]
        data = json.dumps({"system_prompt": "x" * 300, "files": []})
        rows = []
        for user_id, folder_ids in self.folders.items():
            for number, folder_id in enumerate(folder_ids):
                parent = folder_ids[number // 10] if number > 70 else None
                at = self.now - PERIOD + number
                rows.append((folder_id, parent, user_id, f"Folder {number}", "{}", data, False, at, at))
        yield Table("folder", "id parent_id user_id name meta data is_expanded created_at updated_at", rows)

    def _make_chats(self) -> Iterator[Table]:
        self._messages: list[tuple[Any, ...]] = []
        self._shares: list[tuple[Any, ...]] = []
        self._chat_ids: dict[str, list[str]] = {}
        counts = {ADA: ADAS_CHATS, BOB: BOBS_CHATS}
        rest = CHATS - ADAS_CHATS - BOBS_CHATS
        others = self.users[2:CHATTING]
        for number, user_id in enumerate(others):
            counts[user_id] = rest // len(others) + (number < rest % len(others))
        columns = (
            "id user_id title created_at updated_at share_id archived chat pinned meta folder_id last_read_at "
            "current_message_id variables"
        )
        for user_id, count in counts.items():
            yield Table("chat", columns, self._iterate_chats(user_id, count))
        columns = "id chat_id user_id role parent_id content model_id done usage created_at updated_at"
        yield Table("chat_message", columns, self._messages)
        yield Table("shared_chat", "id chat_id user_id title chat created_at updated_at", self._shares)
        tags = [(f"tag-{n}", f"Tag {n}", user_id, None) for user_id in counts for n in range(40)]
        yield Table("tag", "id name user_id meta", tags)

    def _iterate_chats(self, user_id: str, count: int) -> Iterator[tuple[Any, ...]]:
        first = {ADA: [self.chat, self.shared_chat], BOB: [self.bobs_chat]}.get(user_id, [])
        ids = self._chat_ids[user_id] = [*first, *(self._make_id() for _ in range(count - len(first)))]
        for number, chat_id in enumerate(ids):
            created_at = self.now - number * (PERIOD // count) - self._random.randrange(3000)
            document, current_id, updated_at = self._make_document(chat_id, user_id, created_at)
            internal = number % 80 == 79
            tags = [f"tag-{number % 40}"] * (number % 3 == 0) + ["tag-39"] * (number % 500 == 0)
            meta: dict[str, Any] = {"tags": tags} if tags else {}
            if internal:
                meta = {"internal": True, "type": "note", "note_id": f"note-{number % 50}"}
            share = self.share if chat_id == self.shared_chat else self._make_id() if number % 50 == 7 else None
            if share is not None:
                self._shares.append((share, chat_id, user_id, f"Shared {number}", document, created_at, updated_at))
            archived = number % 5 == 4 if user_id == BOB else user_id != ADA and number % 20 == 4
            yield (
                chat_id,
                user_id,
                self._make_text(30).title(),
                created_at,
                updated_at,
                share,
                archived,
                document,
                number % 350 == 3,
                json.dumps(meta),
                None if archived or internal else self._pick_folder(user_id, number),
                updated_at - 5 if number % 10 == 0 else updated_at,
                current_id,
                "{}",
            )

    def _pick_folder(self, user_id: str, number: int) -> str | None:
        """Return the folder of a chat: 30% of Ada's chats are in one folder."""
        folder_ids = self.folders[user_id]
        if number % 10 < 3:
            return folder_ids[0]
        return folder_ids[number % len(folder_ids)] if number % 10 == 9 else None

    def _make_document(self, chat_id: str, user_id: str, at: int) -> tuple[str, str, int]:
        """Return the document of a chat, the id of its last message and its time; notes the rows of its messages."""
        pairs = self._random.choice((1, 1, 2, 2, 2, 4)) if chat_id != self.chat else 2
        model = self.models[self._random.randrange(20)]
        usage = f'{{"input_tokens": {self._random.randrange(3000)}, "output_tokens": {self._random.randrange(900)}}}'
        ids = [self._make_id() for _ in range(2 * pairs)]
        messages = []
        parent: str | None = None
        for number, message_id in enumerate(ids):
            is_answer = number % 2
            content = self._make_text(1800 if is_answer else 200)
            child = f'"{ids[number + 1]}"' if number + 1 < len(ids) else ""
            role, extra = (
                ("assistant", f'"model": "{model}", "done": true, "usage": {usage}')
                if is_answer
                else ("user", f'"models": ["{model}"]')
            )
            messages.append(
                f'"{message_id}": {{"id": "{message_id}", "parentId": {json.dumps(parent)}, "childrenIds": [{child}], '
                f'"role": "{role}", "content": "{content}", "timestamp": {at}, {extra}}}'
            )
            answered = (model, True, usage) if is_answer else (None, True, None)
            row = (f"{chat_id}-{message_id}", chat_id, user_id, role, parent, f'"{content}"', *answered, at, at)
            self._messages.append(row)
            parent = message_id
            at += self._random.randrange(5, 90)
        document = (
            f'{{"id": "{chat_id}", "title": "Chat", "models": ["{model}"], "params": {{}}, "history": {{"messages": '
            f'{{{", ".join(messages)}}}, "currentId": "{ids[-1]}"}}, "messages": [], "tags": [], "files": []}}'
        )
        return document, ids[-1], at

    # -- workspace ----------------------------------------------------------------------------------------------------

    def _make_files(self) -> Iterator[Table]:
        self.knowledge = [LARGE_KNOWLEDGE, SMALL_KNOWLEDGE, *(f"knowledge-{number:02}" for number in range(58))]
        at = self.now - PERIOD
        yield Table(
            "knowledge",
            "id user_id name description meta created_at updated_at",
            [
                (knowledge_id, ADA if number < 2 else self._pick_owner(), f"About {number}", "Facts", "{}", at, at)
                for number, knowledge_id in enumerate(self.knowledge)
            ],
        )
        directories = [f"directory-{number}" for number in range(20)]
        rows = [(directory, LARGE_KNOWLEDGE, None, directory.title(), ADA, at, at) for directory in directories]
        yield Table("knowledge_directory", "id knowledge_id parent_id name user_id created_at updated_at", rows)
        files, links, chat_links = [], [], []
        for number in range(8_000):
            file_id, owner, at = f"file-{number:05}", ADA if number % 4 == 0 else self._pick_owner(), self._pick_time()
            name = f"{self._make_text(20).replace(' ', '-')}-{number}.txt"
            meta = json.dumps({"name": name, "content_type": "text/plain", "size": 4000, "data": {}})
            data = f'{{"status": "completed", "content": "{self._make_text(4000)}"}}'
            files.append((file_id, owner, name, meta, at, f"{number:064x}", data, at, f"/data/uploads/{name}"))
            if number < FILES_IN_LARGE_KNOWLEDGE:
                links.append((f"link-{number}", owner, LARGE_KNOWLEDGE, file_id, at, at, directories[number % 20]))
            elif number < 6_000:
                links.append((f"link-{number}", owner, self.knowledge[1 + number % 59], file_id, at, at, None))
            else:
                chat_id = self._random.choice(self._chat_ids[owner])
                chat_links.append((f"link-{number}", owner, chat_id, file_id, None, at, at))
        yield Table("file", "id user_id filename meta created_at hash data updated_at path", files)
        yield Table("knowledge_file", "id user_id knowledge_id file_id created_at updated_at directory_id", links)
        yield Table("chat_file", "id user_id chat_id file_id message_id created_at updated_at", chat_links)

    def _make_notes(self) -> Iterator[Table]:
        notes = []
        for number in range(2_000):
            at = self._pick_time() * 1_000_000_000
            text = self._make_text(2000)
            data = json.dumps({"content": {"json": None, "html": f"<p>{text}</p>", "md": text}, "versions": []})
            owner = ADA if number % 5 == 0 else self._pick_owner()
            notes.append((f"note-{number}", owner, self._make_text(25).title(), data, "{}", at, at))
        yield Table("note", "id user_id title data meta created_at updated_at", notes)
        pins = [(f"pin-{number}", ADA, f"note-{number * 5}", self.now * 1_000_000_000) for number in range(10)]
        yield Table("pinned_note", "id user_id note_id created_at", pins)
        memories = [
            (
                f"memory-{number}",
                ADA if number % 8 == 0 else self._pick_owner(),
                self._make_text(120),
                at,
                at,
                "context",
            )
            for number in range(2_000)
            for at in [self._pick_time()]
        ]
        yield Table("memory", "id user_id content updated_at created_at type", memories)

    def _make_records(self) -> Iterator[Table]:
        """Yield models, prompts, tools, skills and functions with their revisions."""
        picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 300
        for noun, count in RECORDS.items():
            rows, revisions = [], []
            for number in range(count):
                record_id, owner, at = f"{noun}-{number:03}", self._pick_owner(), self._pick_time()
                name = f"{self._make_text(16).title()} {number}"
                version = f"{noun}-revision-{number}-0"
                rows.append(self._make_record(noun, number, record_id, owner, name, at, version, picture))
                snapshot = json.dumps({"name": name, "content": self._make_text(3000), "meta": {}, "params": {}})
                revisions += [
                    (f"{noun}-revision-{number}-{step}", record_id, None, snapshot, owner, "Change", at - step)
                    for step in range(100 if number == 0 else 2)
                ]
            yield Table(noun, _RECORD_COLUMNS[noun], rows)
            columns = f"id {noun}_id parent_id snapshot user_id commit_message created_at"
            yield Table(f"{noun}_history", columns, revisions)

    def _make_record(
        self, noun: str, number: int, record_id: str, owner: str, name: str, at: int, version: str, picture: str
    ) -> tuple[Any, ...]:
        content = self._make_text(3000)
        tags = [{"name": f"Tag {number % 10}"}]
        if noun == "model":
            base = None if number % 4 == 3 else "demo-small"
            image = picture if number % 4 == 0 else "/static/favicon.png"
            meta = {"profile_image_url": image, "description": "Helps", "tags": tags, "capabilities": {"vision": True}}
            return (
                record_id,
                owner,
                base,
                name,
                json.dumps({"system": content}),
                json.dumps(meta),
                at,
                at,
                True,
                version,
            )
        if noun == "prompt":
            listed_tags = json.dumps([f"Tag {number % 10}"])
            return record_id, record_id, owner, name, content, "{}", "{}", True, version, listed_tags, at, at
        if noun == "tool":
            specs = json.dumps([{"name": "call", "description": content[:500], "parameters": {"type": "object"}}])
            code = f'"""{content}"""\n\nclass Tools:\n    pass\n'
            return (
                record_id,
                owner,
                name,
                code,
                specs,
                json.dumps({"description": "Does", "manifest": {}}),
                at,
                at,
                version,
            )
        if noun == "skill":
            return record_id, owner, f"{name} {record_id}", "Knows", content, '{"tags": ["a"]}', True, at, at, version
        code = f'"""{content}"""\n\nclass Filter:\n    pass\n'
        meta_text = json.dumps({"description": "Filters", "manifest": {}})
        return record_id, owner, name, "filter", code, meta_text, None, True, False, at, at, version

    def _make_grants(self) -> Iterator[Table]:
        granted = {noun: [f"{noun}-{number:03}" for number in range(RECORDS[noun])] for noun in ("model", "prompt")}
        granted |= {noun: [f"{noun}-{number:03}" for number in range(RECORDS[noun])] for noun in ("tool", "skill")}
        granted["knowledge"] = self.knowledge
        granted["note"] = [f"note-{number}" for number in range(0, 2_000, 7)]
        granted["folder"] = [SHARED_FOLDER, *self.folders[self.users[2]][:2], *self.folders[ADA][5:10]]
        granted["channel"] = [f"channel-{number}" for number in range(20)]
        granted["shared_chat"] = [share[1] for share in self._shares]
        at = self.now - PERIOD
        rows = []
        for kind, ids in granted.items():
            for number, resource_id in enumerate(ids):
                principals = {("group", group_id) for group_id in self._random.sample(self.groups, 3)}
                if kind == "folder":
                    principals |= {("user", ADA), ("user", BOB)}
                elif number % 3 == 0:
                    principals.add(("user", "*"))
                permissions = ("read", "write") if number % 4 == 0 else ("read",)
                rows += [
                    (self._make_id(), kind, resource_id, *principal, permission, at)
                    for principal in sorted(principals)
                    for permission in permissions
                ]
        columns = "id resource_type resource_id principal_type principal_id permission created_at"
        yield Table("access_grant", columns, rows)

    def _make_feedback(self) -> Iterator[Table]:
        rows = []
        for number in range(3_000):
            owner, at = ADA if number % 10 == 0 else self._pick_owner(), self._pick_time()
            model, sibling = self._random.sample(self.models[:20], 2)
            data = {"rating": self._random.choice((1, -1)), "model_id": model, "sibling_model_ids": [sibling]}
            data |= {"reason": "accurate", "comment": self._make_text(80), "tags": [f"topic-{number % 12}"]}
            meta = json.dumps({"chat_id": self._chat_ids[owner][number % 500], "message_id": "m", "arena": False})
            snapshot = f'{{"chat": {{"chat": {{"history": {{"text": "{self._make_text(5000)}"}}}}}}}}'
            rows.append((f"feedback-{number}", owner, 0, "rating", json.dumps(data), meta, snapshot, at, at))
        yield Table("feedback", "id user_id version type data meta snapshot created_at updated_at", rows)

    # -- smaller features ---------------------------------------------------------------------------------------------

    def _make_other_records(self) -> Iterator[Table]:
        channels, members, messages, automations, runs = [], [], [], [], []
        at = self.now - PERIOD
        for number in range(20):
            channel_id = f"channel-{number}"
            kind = "group" if number % 4 == 0 else None
            channels.append((channel_id, ADA, kind, f"channel {number}", "{}", "{}", at, at))
            members += [
                (f"{channel_id}-{index}", channel_id, user_id, at, True, False, False, at, self.now - 5000)
                for index, user_id in enumerate([ADA, BOB, *self.users[2:22]])
            ]
        for number in range(10_000):
            sent_at = self._pick_time() * 1_000_000_000
            author = self.users[number % CHATTING]
            text = self._make_text(100)
            messages.append(
                (f"message-{number}", author, f"channel-{number % 20}", text, "{}", sent_at, sent_at, False)
            )
        for number in range(100):
            rule = "DTSTART:20990101T090000\nRRULE:FREQ=DAILY"
            name, data = f"Automation {number}", json.dumps({"prompt": self._make_text(200), "rrule": rule})
            # None is due.
            automations.append((f"automation-{number}", ADA, name, data, "{}", True, 4 * 10**18 + number, at, at))
            runs += [
                (f"run-{number}-{step}", f"automation-{number}", None, "success", None, (at + step * 86_400) * 10**9)
                for step in range(20)
            ]
        yield Table("channel", "id user_id type name data meta created_at updated_at", channels)
        columns = "id channel_id user_id created_at is_active is_channel_muted is_channel_pinned joined_at last_read_at"
        yield Table("channel_member", columns, members)
        columns = "id user_id channel_id content data created_at updated_at is_pinned"
        yield Table("message", columns, messages)
        columns = "id user_id name data meta is_active next_run_at created_at updated_at"
        yield Table("automation", columns, automations)
        yield Table("automation_run", "id automation_id chat_id status error created_at", runs)
        calendars = [
            (f"calendar-{number}", self._pick_owner(), f"Calendar {number}", "#3b82f6", number < 12, at, at)
            for number in range(60)
        ]
        yield Table("calendar", "id user_id name color is_default created_at updated_at", calendars)


_RECORD_COLUMNS = {
    "model": "id user_id base_model_id name params meta updated_at created_at is_active version_id",
    "prompt": "id command user_id name content data meta is_active version_id tags created_at updated_at",
    "tool": "id user_id name content specs meta updated_at created_at version_id",
    "skill": "id user_id name description content meta is_active updated_at created_at version_id",
    "function": "id user_id name type content meta valves is_active is_global updated_at created_at version_id",
}


def fill_sqlite(path: str, installation: Installation) -> None:
    """Insert the rows into an SQLite database that has the schema."""
    import apsw

    connection = apsw.Connection(path)
    # Nobody reads the file before it is complete, so nothing needs to be flushed or rolled back.
    for statement in ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=OFF", "PRAGMA cache_size=-200000", "BEGIN"):
        connection.execute(statement)
    for table in installation.iterate_tables():
        names = table.columns.split()
        values = ", ".join("?" * len(names))
        statement = f'INSERT INTO "{table.name}" ({", ".join(names)}) VALUES ({values})'
        connection.executemany(statement, table.rows)
    connection.execute("COMMIT")
    connection.close()


async def fill_postgres(address: str, installation: Installation) -> None:
    """Insert the rows into a PostgreSQL database that has the schema."""
    import asyncpg

    connection = await asyncpg.connect(address)
    await connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
    for table in installation.iterate_tables():
        await connection.copy_records_to_table(table.name, records=table.rows, columns=table.columns.split())
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
