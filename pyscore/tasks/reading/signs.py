"""How files begin that hold no records: what they are, and what to do."""

from __future__ import annotations

import re

__all__ = ["HEAD", "refuse_unread"]

HEAD = 512
"""Bytes of a file's beginning that tell its kind."""

_EXPORT = "export the table as CSV or Parquet"
_UNSAFE = "not read, since unpickling runs whatever code it holds: write its rows as JSON lines"
_SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (rb"\xff\xfe|\xfe\xff", "UTF-16", "save it as UTF-8"),
    (
        rb"version https://git-lfs\.github\.com",
        "a Git LFS pointer, not the file that it stands for",
        "run git lfs pull where it lies, or download the file itself",
    ),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)\b",
        "an HTML page, perhaps an error or a login in place of a file",
        "download the file itself (on the hub by its address with /resolve/ in place of /blob/)",
    ),
    (rb"(\xef\xbb\xbf)?\s*<\?xml", "XML", "write its rows as JSON lines"),
    (rb"%PDF-", "a PDF", "export its questions as JSON lines or CSV"),
    (rb"\x80[\x02-\x05]", "a pickled object", _UNSAFE),
    (rb"\x93NUMPY", "a NumPy array", "write its rows as JSON lines"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document, an Excel workbook (.xls) perhaps", _EXPORT),
    (rb"SQLite format 3\0", "an SQLite database", _EXPORT),
    (rb"\x89HDF\r\n", "an HDF5 file", _EXPORT),
    (rb"Obj\x01", "an Avro file", _EXPORT),
    (rb"PARE", "an encrypted Parquet file", "write it without encryption"),
    (rb"FEA1", "a Feather file of version 1", "write it anew with pyarrow.feather.write_feather"),
    (rb"Rar!\x1a", "a RAR archive", "unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (rb"\x04\x22\x4d\x18", "compressed with lz4", "unpack it first, with unlz4"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a", "an image", "pyscore reads text"),
)
_NAMES = {
    ".yaml": ("YAML", "write its rows as JSON lines"),
    ".yml": ("YAML", "write its rows as JSON lines"),
    ".pkl": ("a pickled object", _UNSAFE),
    ".pickle": ("a pickled object", _UNSAFE),
    ".xml": ("XML", "write its rows as JSON lines"),
}
"""Kinds of text that aren't told by how they begin."""

_PROSE = (".md", ".rst")


def refuse_unread(head: bytes, name: str, ending: str) -> None:
    """Raise ValueError, what a file seems to be and what to do, for one that holds no records.

    Args:
        head: its first `HEAD` bytes.
        name: what messages call it.
        ending: of its name, such as ".yaml".
    """
    if not head:
        return
    found = next(((kind, remedy) for sign, kind, remedy in _SIGNS if re.match(sign, head)), None)
    if head[257:262] == b"ustar":
        found = ("a tar archive", "unpack it first, with tar -xf")
    if ending in _PROSE and not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        found = found or ("plain text", "questions are rows of JSON lines, CSV, TSV, Parquet or Arrow")
    found = found or _NAMES.get(ending)
    if found:
        raise ValueError(f"{name} is {found[0]}: {found[1]}")
