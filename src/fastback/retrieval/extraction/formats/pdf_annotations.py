"""Texts over the pages of a PDF: values of form fields, and FreeText boxes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2.raw as pdfium_c

_TEXT_FIELDS = (
    pdfium_c.FPDF_FORMFIELD_COMBOBOX,
    pdfium_c.FPDF_FORMFIELD_LISTBOX,
    pdfium_c.FPDF_FORMFIELD_TEXTFIELD,
)
#: Flag of text fields whose value is shown as dots.
_PASSWORD_FLAG = 1 << 13
_CHOICE_FIELDS = (pdfium_c.FPDF_FORMFIELD_COMBOBOX, pdfium_c.FPDF_FORMFIELD_LISTBOX)
#: Limits for hostile files: annotations of a page, options of a field, and bytes of a text in UTF-16.
_MAX_ANNOTATIONS = 10_000
_MAX_OPTIONS = 1000
_MAX_BYTES = 1 << 21


def _read_string(function: Callable[..., int], *arguments: Any) -> str:
    """Return the text that a function of PDFium writes into a buffer of UTF-16."""
    size = function(*arguments, None, 0)
    if not 2 < size <= _MAX_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size + 2)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(pdfium_c.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").strip()


def _read_selected_options(form: Any, annotation: Any) -> str:
    """Return the labels of the selected options, which readers show in place of the stored values."""
    count = min(pdfium_c.FPDFAnnot_GetOptionCount(form, annotation), _MAX_OPTIONS)
    return "\n".join(
        _read_string(pdfium_c.FPDFAnnot_GetOptionLabel, form, annotation, index)
        for index in range(count)
        if pdfium_c.FPDFAnnot_IsOptionSelected(form, annotation, index)
    )


def _read_field_value(form: Any, annotation: Any) -> str:
    """Return the value of a form field; empty where readers do not show it as text."""
    field_type = pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation)
    if field_type not in _TEXT_FIELDS:
        return ""
    if pdfium_c.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FLAG:
        return ""
    if field_type in _CHOICE_FIELDS and (options := _read_selected_options(form, annotation)):
        return options
    return _read_string(pdfium_c.FPDFAnnot_GetFormFieldValue, form, annotation)


def _read_annotation(form: Any, annotation: Any, finished_fields: set[tuple[str, str]]) -> str:
    subtype = pdfium_c.FPDFAnnot_GetSubtype(annotation)
    if subtype == pdfium_c.FPDF_ANNOT_FREETEXT:
        return _read_string(pdfium_c.FPDFAnnot_GetStringValue, annotation, b"Contents")
    if subtype != pdfium_c.FPDF_ANNOT_WIDGET or form is None:
        return ""
    value = _read_field_value(form, annotation)
    name = _read_string(pdfium_c.FPDFAnnot_GetFormFieldName, form, annotation) if value else ""
    if name and (name, value) in finished_fields:
        return ""
    finished_fields.add((name, value))
    return value


def read_annotation_texts(page: Any, form: Any, finished_fields: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the texts over a page; `form` is the document's form environment, or None.

    A field may be shown in several places. Its value is read once; names and values of fields are added to
    `finished_fields`.
    """
    for index in range(min(pdfium_c.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            if text := _read_annotation(form, annotation, finished_fields):
                yield text.replace("\r\n", "\n").replace("\r", "\n")
        finally:
            pdfium_c.FPDFPage_CloseAnnot(annotation)
