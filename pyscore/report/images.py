"""Charts as files: PNG, SVG and PDF, without a browser and without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import quoteattr

from pyscore.report.charts.palette import LIGHT, config

__all__ = ["save"]

_SCALE = 2  # pixels of a PNG for each of the chart's


def save(chart: Any, target: str | Path | IO[bytes], format: str | None = None) -> None:
    """Write a chart as an image; the file is whole or what it was before.

    PNG, with two pixels for each of the chart's, and PDF are on white, in the colours of print where the chart has
    those for any background. SVG is transparent, its text is text.

    Args:
        chart: of Vega-Altair, or a Vega-Lite specification.
        target: a path, an fsspec URL or a file that is open for writing bytes.
        format: "png", "svg" or "pdf"; by default as the name ends.

    Raises:
        ValueError: another format.
        OSError: the file can't be written.
        ImportError: vl-convert is missing.
    """
    kind = (format or _ending(target)).lower().lstrip(".")
    if kind not in _WRITERS:
        raise ValueError(
            f"format={kind!r} is not one of {', '.join(_WRITERS)}: give one, or a name that ends in .png, .svg or .pdf"
        )
    image = _WRITERS[kind](_written(chart if isinstance(chart, dict) else chart.to_dict()))
    if not isinstance(target, str | Path):
        target.write(image)
        return
    from pyscore.store.files import locate

    with locate(target).replacing() as file:
        file.write(image)


def _ending(target: Any) -> str:
    name = target if isinstance(target, str | Path) else getattr(target, "name", "")
    return Path(str(name)).suffix


def _written(value: Any) -> Any:
    r"""A specification with what no SVG can hold as escapes such as \x1b: at these vl-convert aborts the process.

    XML 1.0 has no such characters, not even as references.
    """
    if isinstance(value, str):
        return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), value)
    if isinstance(value, dict):
        return {_written(key): _written(each) for key, each in value.items()}
    return [_written(each) for each in value] if isinstance(value, list | tuple) else value


_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _printed(spec: dict[str, Any]) -> dict[str, Any]:
    own, any_background = spec.get("config", {}), config("both")
    # Altair adds to "view".
    ours = all(own.get(key) == value for key, value in any_background.items() if key != "view")
    return {**spec, "background": LIGHT, "config": own | config("print") if ours else own}


def _png(spec: dict[str, Any]) -> bytes:
    import vl_convert

    image: bytes = vl_convert.vegalite_to_png(_printed(spec), scale=_SCALE)
    return image


def _pdf(spec: dict[str, Any]) -> bytes:
    import vl_convert

    image: bytes = vl_convert.vegalite_to_pdf(_printed(spec))
    return image


def _svg(spec: dict[str, Any]) -> bytes:
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(spec)
    # In a page vega-embed tells readers of the screen what the chart is; a file has to tell it itself.
    told = f'role="graphics-document" aria-label={quoteattr(spec.get("description", "chart"))}'
    return text.replace("<svg ", f"<svg {told} ", 1).encode()


_WRITERS: dict[str, Callable[[dict[str, Any]], bytes]] = {"png": _png, "svg": _svg, "pdf": _pdf}
