"""Requests over HTTP: sent again while there is hope, and else one line with the server's own words."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from pyscore.engine.sources.http.pace import Pace, pause_after, seconds_asked

__all__ = ["Client", "NotThere", "Refused", "Server", "one_line"]

_AGAIN = {408, 409, 425, 429}
_SHOWN = 300  # characters of a server's words
_CONNECT_SECONDS = 10.0


class Server(Protocol):
    """How a server is reached.

    Attributes:
        url: what paths are put after, without a slash at its end.
        api_key: sent with each request, written nowhere.
        concurrency: how many requests wait for their answer at a time.
        timeout: seconds that an answer may take.
        backoff: seconds before the first try again, doubled with each.
        give_up_after: seconds after its first failure when a request is given up.
        hints: what to do about an error, by its status.
    """

    @property
    def url(self) -> str: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    @property
    def backoff(self) -> float: ...
    @property
    def give_up_after(self) -> float: ...
    @property
    def hints(self) -> Mapping[int, str]: ...


class NotThere(ValueError):
    """The server has nothing at a path."""


class Refused(ValueError):
    """The server can't do what a request asks for (400, 422, or 500 where it says that the request isn't valid)."""


class Client:
    """Sends requests to one server; safe for several threads.

    Args:
        options: how the server is reached.
        pace: when the next request may be sent.

    Attributes:
        sent, again: how many requests were sent, and how many of them because earlier ones failed.

    Raises:
        ImportError: httpx is missing.
    """

    def __init__(self, options: Server, pace: Pace) -> None:
        try:
            import httpx
        except ImportError:
            raise ImportError('scores of a server need httpx: pip install "pyscore-engine[openai]"') from None
        self._httpx, self._options, self.pace = httpx, options, pace
        self._key = options.api_key
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        n = options.concurrency
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(options.timeout, connect=min(_CONNECT_SECONDS, options.timeout)),
            limits=httpx.Limits(max_connections=n, max_keepalive_connections=n),
        )
        self.sent = self.again = 0

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def post(self, path: str, body: Any, kind: type = dict) -> Any:
        """The server's answer to a JSON body, of this kind: an object, or a list.

        Raises:
            NotThere: the server has no such path.
            Refused: the server can't do that.
            ValueError: it answers with another error, or with no JSON object.
            ConnectionError: it gave no answer, or none but errors that pass, until the time to give up.
            Stopped: another request failed for good.
        """
        return self._ask("POST", path, body, kind, self._options.give_up_after)

    def get(self, path: str, give_up_after: float) -> dict[str, Any] | None:
        """What is there, None for nothing that this server has; errors as for `post`."""
        try:
            found: dict[str, Any] = self._ask("GET", path, None, dict, give_up_after)
        except NotThere:
            return None
        return found

    def _ask(self, method: str, path: str, body: Any, kind: type, give_up_after: float) -> Any:
        url, tries, first = f"{self._options.url}/{path}", 0, math.inf
        while True:
            self.pace.wait()
            tries += 1
            self.sent += body is not None
            self.again += body is not None and tries > 1
            asked = 0.0
            try:
                response = self._http.request(method, url, json=body)
            except self._httpx.TransportError as error:
                why = f"{url} gives no answer ({type(error).__name__}: {self._clean(error)})"
            except self._httpx.HTTPError as error:
                raise ValueError(f"{url}: {self._clean(error)}") from None
            else:
                if response.is_success:
                    return self._answer(url, response, kind)
                why = self._words(url, response)
                refused = response.status_code == 500 and "validation error" in why
                if refused or (response.status_code not in _AGAIN and response.status_code < 500):
                    raise self._error(method, response.status_code, why)
                asked = seconds_asked(response.headers)
            first = min(first, time.monotonic())
            pause = max(asked, pause_after(tries, self._options.backoff))
            if time.monotonic() + pause > first + give_up_after:
                raise ConnectionError(
                    f"{why}; given up after {tries} tries{f' (it asks to wait {asked:.0f} s)' if asked else ''}: "
                    "what is scored stays, and the run goes on from there when it is resumed"
                )
            if asked:
                self.pace.hold(asked)
            self.pace.sleep(pause)

    def _answer(self, url: str, response: Any, kind: type) -> Any:
        try:
            found = response.json()
        except (ValueError, UnicodeDecodeError):
            found = None
        if not isinstance(found, kind):
            name = "object" if kind is dict else "list"
            raise ValueError(f"{url} answers with no JSON {name} but {self._clean(response.text)!r}: is it base_url?")
        if isinstance(found, dict) and found.get("error") and not found.get("choices") and not found.get("data"):
            raise ValueError(f"{url}: {self._clean(_message(found['error']))}")
        return found

    def _words(self, url: str, response: Any) -> str:
        """What an error says, in the server's words."""
        text = response.text
        with suppress(ValueError):
            found = response.json()
            text = _message(found.get("error", found) if isinstance(found, dict) else found)
        return f"{url} answers {response.status_code}: {self._clean(text) or response.reason_phrase}"

    def _error(self, method: str, status: int, why: str) -> ValueError:
        if method == "GET" and status in (400, 404, 405, 501):
            return NotThere(why)
        kind = Refused if status in (400, 422, 500) else NotThere if status == 404 else ValueError
        return kind(why + self._options.hints.get(status, ""))

    def _clean(self, text: object) -> str:
        found = one_line(str(text), math.inf)
        if self._key:  # masked before it is cut, or its beginning would stay
            found = found.replace(self._key, "***")
        return one_line(found)


def _message(error: Any) -> str:
    if isinstance(error, dict):
        found = error.get("message") or error.get("detail") or error.get("error") or error
        return found if isinstance(found, str) else json.dumps(found)
    return str(error)


def one_line(text: str, shown: float = _SHOWN) -> str:
    """A text without line breaks, and not too long."""
    found = " ".join(text.split())
    return found if len(found) <= shown else found[: int(shown) - 3] + "..."
