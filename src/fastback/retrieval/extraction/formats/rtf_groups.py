"""Groups of rich text: what is between two braces, and which of them are no part of the text."""

from __future__ import annotations

#: Groups whose text is not part of the document.
SKIPPED_GROUPS = frozenset(
    b"fonttbl colortbl info pict object themedata colorschememapping datastore latentstyles listtable "
    b"listoverridetable rsidtbl generator xmlnstbl fldinst bkmkstart bkmkend filetbl revtbl pgptbl mmathPr private "
    b"nonesttables listtext pntext pntxta pntxtb shppict nonshppict wgrffmtfilter blipuid panose falt "
    b"shprslt xe tc".split()
)
CHARACTER_WORDS = {
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”", b"emspace": " ", b"enspace": " ", b"tab": "\t", b"line": "\n",
}  # fmt: skip


class Group:
    """The state between two braces; a group inherits the state of the one around it.

    Attributes:
        is_skipped: whether its text is skipped.
        is_font_table: whether it is the font table.
        is_stylesheet: whether it is the style sheet.
        skip: how many bytes after a Unicode character are skipped: they repeat it for old programs.
        encoding: of the font; empty for that of the document.
        is_shape_name: whether its text is the name of a property of a shape.
        is_author: whether its text is the author of the comment that follows.
        insertion: what it inserts beside the paragraph around it: a note, a comment, a text box; empty for most groups.
    """

    __slots__ = (
        *("encoding", "insertion", "is_author", "is_font_table", "is_shape_name", "is_skipped", "is_stylesheet"),
        "skip",
    )

    def __init__(self, parent: Group | None = None) -> None:
        self.is_skipped: bool = parent.is_skipped if parent else False
        self.is_font_table: bool = parent.is_font_table if parent else False
        self.is_stylesheet: bool = parent.is_stylesheet if parent else False
        self.skip: int = parent.skip if parent else 1
        self.encoding: str = parent.encoding if parent else ""
        self.is_shape_name = self.is_author = False
        self.insertion = ""


class OpenParagraph:
    """The paragraph that is being read, and whether a table is open around it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.level = 0
        self.item = 0
        self.is_in_table = False
        self.has_table = False
