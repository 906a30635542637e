"""Records what langchain_text_splitters, which Open WebUI cuts with, makes of `splitting_cases`.

Run it with a Python that has the library: `python tests/unit/record_splitting.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from langchain_core.documents import Document
from langchain_text_splitters import MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from splitting_cases import cases, words

HEADINGS = [("#" * level, f"Header {level}") for level in range(1, 7)]


def main() -> None:
    found = []
    headings = MarkdownHeaderTextSplitter(HEADINGS, strip_headers=False)
    for case in cases():
        documents = [Document(page_content=case.text)]
        by_length = RecursiveCharacterTextSplitter(
            chunk_size=case.size, chunk_overlap=case.overlap, add_start_index=True
        ).split_documents(documents)
        by_words = RecursiveCharacterTextSplitter(
            chunk_size=case.size + 2, chunk_overlap=min(case.overlap, case.size), length_function=words
        ).split_documents(documents)
        found.append(
            {
                "headings": [one.page_content for one in headings.split_text(case.text)],
                "length": [[one.metadata["start_index"], one.page_content] for one in by_length],
                "words": [one.page_content for one in by_words],
            }
        )
    path = Path(__file__).with_name("splitting.json")
    path.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
