"""Record how langchain_text_splitters, the library that Open WebUI uses, cuts the texts of `splitting_cases`.

Run it with a Python that has the library: `python tests/unit/record_splitting.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from langchain_core.documents import Document
from langchain_text_splitters import MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from splitting_cases import count_words, list_cases

HEADINGS = [("#" * level, f"Header {level}") for level in range(1, 7)]


def record_chunks() -> None:
    recorded = []
    headings = MarkdownHeaderTextSplitter(HEADINGS, strip_headers=False)
    for case in list_cases():
        documents = [Document(page_content=case.text)]
        by_length = RecursiveCharacterTextSplitter(
            chunk_size=case.size, chunk_overlap=case.overlap, add_start_index=True
        ).split_documents(documents)
        by_words = RecursiveCharacterTextSplitter(
            chunk_size=case.size + 2, chunk_overlap=min(case.overlap, case.size), length_function=count_words
        ).split_documents(documents)
        recorded.append(
            {
                "headings": [section.page_content for section in headings.split_text(case.text)],
                "length": [[chunk.metadata["start_index"], chunk.page_content] for chunk in by_length],
                "words": [chunk.page_content for chunk in by_words],
            }
        )
    path = Path(__file__).with_name("splitting.json")
    path.write_text(json.dumps(recorded, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    record_chunks()
