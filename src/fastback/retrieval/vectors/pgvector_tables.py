"""The table and statements of pgvector, as Open WebUI has them; both programs share the table.

Texts and metadata may be encrypted (`PGVECTOR_PGCRYPTO`): `{text}` and `{metadata}` read them, `{new_text}` and
`{new_metadata}` write the parameters `:text` and `:metadata`.
"""

from __future__ import annotations

#: Some servers refuse even to create an extension that exists.
HAS_EXTENSION = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = :name)"
CREATE_EXTENSION = "CREATE EXTENSION IF NOT EXISTS {name}"
FIND_VECTOR_COLUMN = """SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass('document_chunk') AND attname = 'vector' AND NOT attisdropped"""
FIND_VERSION = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
CREATE_TABLE = """CREATE TABLE IF NOT EXISTS document_chunk (
    id TEXT NOT NULL PRIMARY KEY, vector {kind}({length}), collection_name TEXT NOT NULL,
    text {text_kind}, vmetadata {metadata_kind})"""
CREATE_INDEXES = ("CREATE INDEX IF NOT EXISTS idx_document_chunk_collection_name ON document_chunk (collection_name)",)
#: Indexes of plain columns. The first is Open WebUI's; ours find chunks by file and by content.
CREATE_PLAIN_INDEXES = (
    """CREATE INDEX IF NOT EXISTS idx_document_chunk_text_search ON document_chunk
        USING GIN (to_tsvector('simple', coalesce(text, '')))""",
    """CREATE INDEX IF NOT EXISTS fastback_document_chunk_file ON document_chunk
        (collection_name, (vmetadata ->> 'file_id'))""",
    """CREATE INDEX IF NOT EXISTS fastback_document_chunk_hash ON document_chunk
        (collection_name, (vmetadata ->> 'hash'))""",
)
FIND_VECTOR_INDEX = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND indexname = :name"
VECTOR_INDEX_NAME = "idx_document_chunk_vector"
CREATE_VECTOR_INDEX = """CREATE INDEX IF NOT EXISTS idx_document_chunk_vector ON document_chunk
    USING {method} (vector {operators}) WITH ({options})"""
#: An `ivfflat` index is trained with the existing rows: it needs some for each of its lists.
HAS_ENOUGH_ROWS = "SELECT count(*) >= :rows FROM (SELECT 1 FROM document_chunk LIMIT :rows) AS few"
ROWS_PER_LIST = 50

HAS_COLLECTION = "SELECT EXISTS (SELECT 1 FROM document_chunk WHERE collection_name = :collection)"
LIST_COLLECTIONS = "SELECT DISTINCT collection_name FROM document_chunk ORDER BY 1"
UPSERT = """INSERT INTO document_chunk (id, vector, collection_name, text, vmetadata)
    VALUES (:id, :vector::real[]::{kind}, :collection, {new_text}, {new_metadata})
    ON CONFLICT (id) DO UPDATE SET vector = excluded.vector, collection_name = excluded.collection_name,
        text = excluded.text, vmetadata = excluded.vmetadata"""
SEARCH = """SELECT id, {text}, {metadata}, (2 - coalesce(nullif(distance, 'NaN'), 2)) / 2 FROM (
        SELECT *, vector <=> :vector::real[]::{kind} AS distance FROM document_chunk
        WHERE collection_name = ANY(:collections){where} ORDER BY vector <=> :vector::real[]::{kind} LIMIT :limit
    ) AS found ORDER BY distance"""
#: Any of a question's words, tokenized as the words of chunks are: hosts, versions and paths are words, too.
SEARCH_WORDS = """SELECT id, {text}, {metadata}, rank FROM (
        SELECT *, ts_rank_cd({words}, query, 1) AS rank
        FROM document_chunk, CAST(replace(plainto_tsquery('simple', :question)::text, ' & ', ' | ') AS tsquery) AS query
        WHERE collection_name = ANY(:collections) AND {words} @@ query{where} ORDER BY rank DESC LIMIT :limit
    ) AS found ORDER BY rank DESC"""
#: The words of a chunk. The first expression is that of the index.
_CHUNK_WORDS = "to_tsvector('simple', coalesce({text}, ''))"
_ENRICHED_CHUNK_WORDS = """to_tsvector('simple', concat_ws(' ', {text}, {metadata} ->> 'name', {metadata} ->> 'name',
    translate({metadata} ->> 'name', '_-.', '   '), {metadata} ->> 'title', {metadata} ->> 'headings',
    {metadata} ->> 'source', {metadata} ->> 'snippet'))"""
#: In the order of the rows in the table, which is the order of writing until something is deleted.
FIND_CHUNKS = """SELECT id, {text}, {metadata}, 0.0 FROM document_chunk
    WHERE collection_name = :collection{where} ORDER BY ctid LIMIT :limit"""
DELETE_CHUNKS = "DELETE FROM document_chunk WHERE collection_name = :collection{where}"
COPY_CHUNKS = """INSERT INTO document_chunk (id, vector, collection_name, text, vmetadata)
    SELECT gen_random_uuid()::text, vector, :target, text, {new_metadata} FROM (
        SELECT vector, text, ({metadata} || :extra::jsonb)::text AS laid_over
        FROM document_chunk WHERE collection_name = :collection{where} ORDER BY ctid) AS found"""
DELETE_ALL = "DELETE FROM document_chunk"
COUNT_CHUNKS = "SELECT count(*) FROM document_chunk WHERE collection_name = :collection"
LIST_PAGE = """SELECT id, {text}, {metadata}, to_json(vector::real[])::text FROM document_chunk
    WHERE collection_name = :collection AND id > :after ORDER BY id LIMIT :limit"""
RENAME_COLLECTION = "UPDATE document_chunk SET collection_name = :new WHERE collection_name = :old"
