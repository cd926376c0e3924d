"""What tells a URL from a path on this machine."""

from __future__ import annotations

import re

__all__ = ["is_url"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z][A-Za-z0-9+.-]*::.*://")


def is_url(text: str) -> bool:
    """Whether it is a URL, also a chain of fsspec's as "simplecache::s3://...", and no path on this machine."""
    return _URL.match(text) is not None
