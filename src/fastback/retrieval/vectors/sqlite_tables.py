"""The tables and statements of the built-in vector store."""

from __future__ import annotations

VERSION = 1

#: `chunk.id` grows in the order of writing; `item` is the public id. `sketch.bits` has a bit per number, its sign, and
#: is small enough to be scanned in full. `words.place` has the collection as a word (`c12`), so that a word search
#: finds no chunks of other collections.
TABLES = (
    """CREATE TABLE collection (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension INTEGER NOT NULL)""",
    """CREATE TABLE chunk (
        id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, item TEXT NOT NULL, file_id TEXT, hash TEXT,
        metadata TEXT NOT NULL, text TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX chunk_item ON chunk (collection, item)",
    "CREATE INDEX chunk_file ON chunk (collection, file_id) WHERE file_id IS NOT NULL",
    "CREATE INDEX chunk_hash ON chunk (collection, hash) WHERE hash IS NOT NULL",
    "CREATE TABLE vector (chunk INTEGER PRIMARY KEY, numbers BLOB NOT NULL)",
    """CREATE TABLE sketch (
        collection INTEGER NOT NULL, chunk INTEGER NOT NULL, bits BLOB NOT NULL,
        PRIMARY KEY (collection, chunk)) WITHOUT ROWID""",
    """CREATE VIRTUAL TABLE words USING fts5 (
        place, text, about, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')""",
    # The imports from Chroma's files, with the marks of that time.
    "CREATE TABLE taken_over (name TEXT PRIMARY KEY, mark TEXT NOT NULL)",
    "INSERT INTO words (words, rank) VALUES ('rank', 'bm25(0.0, 1.0, 1.0)')",
)

#: The text of `about`. The name counts three times; its parts are words of their own.
_ABOUT = """spaced(concat_ws(' ', metadata ->> '$.name', metadata ->> '$.name', metadata ->> '$.name',
    metadata ->> '$.title', metadata ->> '$.headings', metadata ->> '$.source', metadata ->> '$.snippet'))"""

FIND_COLLECTION = "SELECT id, dimension FROM collection WHERE name = :name"
CREATE_COLLECTION = "INSERT INTO collection (name, dimension) VALUES (:name, :dimension) RETURNING id"
LIST_COLLECTIONS = "SELECT name FROM collection ORDER BY id"

INSERT_CHUNK = """INSERT INTO chunk (collection, item, file_id, hash, metadata, text)
    VALUES (:collection, :item, :metadata ->> '$.file_id', :metadata ->> '$.hash', :metadata, :text)"""
INSERT_VECTOR = "INSERT INTO vector (chunk, numbers) VALUES (:chunk, :numbers)"
INSERT_SKETCH = (
    "INSERT INTO sketch (collection, chunk, bits) VALUES (:collection, :chunk, vec_quantize_binary(:padded))"
)
#: The words of the chunks that were written after `:last`.
INSERT_WORDS = f"""INSERT INTO words (rowid, place, text, about)
    SELECT id, 'c' || collection, spaced(text), {_ABOUT} FROM chunk WHERE id > :last AND collection = :collection"""
GET_LAST_CHUNK = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'chunk'"

GET_ID_RANGE = "SELECT min(chunk.id), max(chunk.id) FROM chunk WHERE {where}"
COPY_CHUNKS = """INSERT INTO chunk (collection, item, file_id, hash, metadata, text)
    SELECT :target, new_id(), metadata ->> '$.file_id', metadata ->> '$.hash', metadata, text
    FROM (SELECT id, text, json_patch(metadata, :extra) AS metadata FROM chunk WHERE {where} ORDER BY id)"""
#: The copies have consecutive ids in the order of their originals.
COPY_VECTORS = """INSERT INTO vector (chunk, numbers)
    SELECT :last + row_number() OVER (ORDER BY chunk.id), numbers FROM chunk JOIN vector ON vector.chunk = chunk.id
    WHERE {where}"""
COPY_SKETCHES = """INSERT INTO sketch (collection, chunk, bits)
    SELECT :target, :last + row_number() OVER (ORDER BY chunk.id), bits
    FROM chunk JOIN sketch ON sketch.collection = chunk.collection AND sketch.chunk = chunk.id WHERE {where}"""

#: The `:rough` chunks with the most similar signs are compared exactly; smaller collections are compared in full.
SEARCH_VECTORS = """
    SELECT item, text, metadata, (2.0 - distance) / 2 FROM (
        SELECT chunk, coalesce(vec_distance_cosine(numbers, :vector), 2.0) AS distance FROM vector
        WHERE chunk IN (
            SELECT sketch.chunk FROM {source}
            WHERE {first}.collection IN ({collections}){where}
            ORDER BY vec_distance_hamming(vec_bit(bits), vec_quantize_binary(:padded)) LIMIT :rough)
        ORDER BY distance, chunk LIMIT :limit)
    JOIN chunk ON chunk.id = chunk ORDER BY distance, chunk"""
ALL_SKETCHES = "sketch"
#: A filter is looked up before the signs are read.
FILTERED_SKETCHES = "chunk CROSS JOIN sketch ON sketch.collection = chunk.collection AND sketch.chunk = chunk.id"
COLLECTIONS_OF_DIMENSION = (
    "SELECT id FROM collection WHERE dimension = :dimension AND name IN (SELECT value FROM json_each(:names))"
)
LIST_COLLECTION_IDS = "SELECT id FROM collection WHERE name IN (SELECT value FROM json_each(:names))"

#: The number of chunks that contain each word, and roughly the number of all chunks.
COUNT_WORDS = "SELECT term, doc FROM vocabulary WHERE term IN (SELECT value FROM json_each(:words))"
COUNT_ALL_CHUNKS = "SELECT (SELECT max(id) FROM chunk) - (SELECT min(id) FROM chunk) + 1"
SEARCH_WORDS = """
    SELECT item, chunk.text, metadata, -score FROM (
        SELECT words.rowid AS found, rank AS score FROM {source} WHERE words MATCH :query{where}
        ORDER BY rank LIMIT :limit)
    JOIN chunk ON chunk.id = found ORDER BY score, chunk.id"""
WORDS_OF_CHUNKS = "words JOIN chunk ON chunk.id = words.rowid"
IN_COLLECTIONS = " AND chunk.collection IN (SELECT value FROM json_each(:ids))"

FIND_CHUNKS = "SELECT item, text, metadata, 0.0 FROM chunk WHERE {where} ORDER BY id LIMIT :limit"

LIST_IMPORT_MARKS = "SELECT name, mark FROM taken_over"
SAVE_IMPORT_MARK = (
    "INSERT INTO taken_over (name, mark) VALUES (:name, :mark) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark"
)
DELETE_IMPORT_MARK = "DELETE FROM taken_over WHERE name = :name"
COUNT_CHUNKS = "SELECT count(*) FROM chunk WHERE collection = (SELECT id FROM collection WHERE name = :name)"
LIST_PAGE = """SELECT id, item, text, numbers, metadata FROM chunk JOIN vector ON vector.chunk = chunk.id
    WHERE collection = (SELECT id FROM collection WHERE name = :name) AND id > :after ORDER BY id LIMIT :limit"""

#: The owner of a chunk is its file, or the chunk itself if it belongs to none, as that of a memory.
LIST_FILE_OWNERS = """SELECT DISTINCT file_id FROM chunk
    WHERE collection = (SELECT id FROM collection WHERE name = :name) AND file_id IS NOT NULL AND id <= :last"""
LIST_ITEM_OWNERS = """SELECT item FROM chunk
    WHERE collection = (SELECT id FROM collection WHERE name = :name) AND file_id IS NULL AND id <= :last"""
#: Conditions of the chunks of owners; each can use an index.
OWNED_CHUNKS = (
    " AND file_id IN (SELECT value FROM json_each(:owners))",
    " AND file_id IS NULL AND item IN (SELECT value FROM json_each(:owners))",
)
WRITTEN_BEFORE = " AND id <= :last AND item NOT IN (SELECT value FROM json_each(:except_ids))"

RENAME_COLLECTION = "UPDATE collection SET name = :new WHERE name = :old"
SET_DIMENSION = "UPDATE collection SET dimension = :dimension WHERE id = :id"
DELETE_COLLECTION = "DELETE FROM collection WHERE name = :name"
DELETE_ALL = (
    "INSERT INTO words (words) VALUES ('delete-all')",
    "DELETE FROM sketch",
    "DELETE FROM vector",
    "DELETE FROM chunk",
    "DELETE FROM collection",
)

#: A table of each connection, for the ids of the chunks that are being deleted.
CREATE_DELETED = "CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)"
CREATE_VOCABULARY = "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, 'row')"
SELECT_DELETED = "INSERT INTO gone SELECT id FROM chunk WHERE {where}"
CLEAR_DELETED = "DELETE FROM gone"
#: Delete the chunks whose ids are in the temporary table `gone`.
DELETE_CHUNKS = (
    "DELETE FROM words WHERE rowid IN (SELECT id FROM gone)",
    "DELETE FROM sketch WHERE collection = :collection AND chunk IN (SELECT id FROM gone)",
    "DELETE FROM vector WHERE chunk IN (SELECT id FROM gone)",
    "DELETE FROM chunk WHERE id IN (SELECT id FROM gone)",
)
