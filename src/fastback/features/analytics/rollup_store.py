"""Tables and statements of usage buckets, in a side file of SQLite's database; a bucket is a row of `sitting`.

A bucket sums up one user, chat and model within 15 minutes.
"""

from __future__ import annotations

import msgspec

from fastback.features.analytics.message_columns import CHANGED, EARLIEST, MILLISECONDS_FROM, TOKENS
from fastback.kit.db.derived_tables import TablesDesign

#: The longest time of a bucket (seconds). Local days begin at a multiple of this in any time zone.
WIDTH = 900
#: Chats that one transaction sums up, so that its memory does not depend on the number of chats.
CHUNK = 2000

_SECONDS = f"CASE WHEN m.created_at > {MILLISECONDS_FROM} THEN m.created_at / 1000 ELSE m.created_at END"
#: The number of a bucket's time, as SQL; -1 without a time, which counts as now.
SLOT = f"CASE WHEN {_SECONDS} >= {EARLIEST} THEN ({_SECONDS}) / {WIDTH} ELSE -1 END"
#: Input and output tokens of a message `m`, as SQL.
INPUT_TOKENS, OUTPUT_TOKENS = (expression.replace("usage", "m.usage") for expression in TOKENS["sqlite"])

_TABLES = (
    "CREATE TABLE IF NOT EXISTS chat (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, messages INT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS model (id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    "CREATE TABLE IF NOT EXISTS user (id INTEGER PRIMARY KEY, text TEXT UNIQUE)",
    # A missing model or user has the number 0.
    "INSERT OR IGNORE INTO model (id, text) VALUES (0, NULL)",
    "INSERT OR IGNORE INTO user (id, text) VALUES (0, NULL)",
    """CREATE TABLE IF NOT EXISTS sitting (chat INT NOT NULL, slot INT NOT NULL, model INT NOT NULL, user INT NOT NULL,
        n INT NOT NULL, i INT NOT NULL, o INT NOT NULL, first INT, last INT,
        PRIMARY KEY (chat, slot, model, user)) WITHOUT ROWID""",
    # Each sum over all time reads one of these indexes in order, without sorting.
    "CREATE INDEX IF NOT EXISTS by_slot ON sitting (slot, model, n, i, o)",
    "CREATE INDEX IF NOT EXISTS by_model ON sitting (model, chat, user, n, i, o)",
    "CREATE INDEX IF NOT EXISTS by_user ON sitting (user, model, n, i, o)",
    "CREATE TABLE IF NOT EXISTS stale (text TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS state (id INT PRIMARY KEY, mark INT NOT NULL)",
    "INSERT OR IGNORE INTO state VALUES (0, 0)",
)
DESIGN = TablesDesign(name="usage", version=1, tables={"sqlite": _TABLES})

_STALE = f"(SELECT text FROM stale ORDER BY text LIMIT {CHUNK})"
_STALE_IDS = f"(SELECT id FROM chat WHERE text IN {_STALE})"
_MESSAGES = "main_database.chat_message m"

#: Sum up the first stale chats again; statements by name, in order.
SUM_UP_STALE_SQLITE = {
    "usage.insert_models": f"""
        INSERT OR IGNORE INTO model (text) SELECT m.model_id FROM {_MESSAGES}
        WHERE m.chat_id IN {_STALE} AND m.role = 'assistant' AND m.model_id IS NOT NULL""",
    "usage.insert_users": f"""
        INSERT OR IGNORE INTO user (text) SELECT m.user_id FROM {_MESSAGES}
        WHERE m.chat_id IN {_STALE} AND m.role = 'assistant' AND m.user_id IS NOT NULL""",
    "usage.insert_chats": f"INSERT OR IGNORE INTO chat (text, messages) SELECT text, 0 FROM {_STALE}",
    "usage.delete_buckets": f"DELETE FROM sitting WHERE chat IN {_STALE_IDS}",
    "usage.insert_buckets": f"""
        INSERT INTO sitting
        SELECT c.id, {SLOT} AS slot, COALESCE(a.id, 0) AS model, COALESCE(u.id, 0) AS user, count(*),
            COALESCE(sum({INPUT_TOKENS}), 0), COALESCE(sum({OUTPUT_TOKENS}), 0),
            min(m.created_at), max(m.created_at)
        FROM {_STALE} s JOIN chat c ON c.text = s.text JOIN {_MESSAGES} ON m.chat_id = s.text
        LEFT JOIN model a ON a.text = m.model_id LEFT JOIN user u ON u.text = m.user_id
        WHERE m.role = 'assistant' GROUP BY c.id, slot, model, user""",
    "usage.count_messages": f"""
        UPDATE chat SET messages = (SELECT count(*) FROM {_MESSAGES} WHERE m.chat_id = chat.text)
        WHERE text IN {_STALE}""",
    "usage.delete_empty_chats": f"DELETE FROM chat WHERE messages = 0 AND text IN {_STALE}",
    "usage.delete_stale": f"DELETE FROM stale WHERE text IN {_STALE}",
}
MARK_CHAT_STALE_SQLITE = "INSERT OR IGNORE INTO stale VALUES (:id)"
#: Mark the chats whose messages changed since the last mark as stale.
MARK_CHANGED_STALE_SQLITE = f"""
    INSERT OR IGNORE INTO stale SELECT m.chat_id FROM main_database.chat_message m INDEXED BY {CHANGED.name}
    WHERE m.updated_at >= (SELECT mark FROM state)"""
SET_MARK_SQLITE = "UPDATE state SET mark = :mark"
#: Mark the chats whose number of messages differs as stale: their messages were inserted or deleted unnoticed.
MARK_MISCOUNTED_STALE_SQLITE = f"""
    INSERT OR IGNORE INTO stale
    SELECT COALESCE(f.chat_id, c.text) FROM (SELECT m.chat_id, count(*) AS n FROM {_MESSAGES} GROUP BY m.chat_id) f
    FULL JOIN chat c ON c.text = f.chat_id WHERE f.n IS NOT c.messages"""
GET_COUNTS_SQLITE = f"""
    SELECT (SELECT count(*) FROM stale), (SELECT COALESCE(sum(messages), 0) FROM chat),
        (SELECT count(*) FROM {_MESSAGES})"""


class Counts(msgspec.Struct):
    """The numbers of stale chats, of messages in summed up chats, and of all messages."""

    stale: int
    summed_up: int
    existing: int
