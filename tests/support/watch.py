"""A page on a new device, under watch."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

#: The fixture `open_page`: takes a path and the options of `watched`.
OpenPage = Callable[..., Page]
#: Chromium writes this of every answer 4xx or 5xx; ``_on_response`` knows better which of them are wrong.
STATUS_MESSAGE = "Failed to load resource: the server responded with a status of"


@contextmanager
def watched(
    browser: Browser,
    url: str,
    path: str = "/",
    *,
    javascript: bool = True,
    width: int = 1280,
    touch: bool = False,
    tolerate: str = r"(?!)",
    **media: Any,
) -> Iterator[Page]:
    """Open ``path`` in a new context; leaving fails on what went wrong, but for what ``tolerate`` matches.

    ``media`` is Playwright's: ``color_scheme``, ``forced_colors``, ``reduced_motion``.
    """
    context = browser.new_context(
        base_url=url,
        locale="fr-FR",
        java_script_enabled=javascript,
        viewport={"width": width, "height": 800},
        has_touch=touch,
        is_mobile=touch,
        **media,
    )
    context.set_default_timeout(15_000)
    troubles: list[str] = []
    _listen(context, urlsplit(url).netloc, troubles)
    try:
        page = context.new_page()
        page.goto(path)
        yield page
    finally:
        context.close()
    wrong = [trouble for trouble in troubles if not re.search(tolerate, trouble)]
    assert not wrong, "\n".join(wrong)


def _listen(context: BrowserContext, host: str, troubles: list[str]) -> None:
    def on_request(request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in ("http", "https", "ws", "wss") and where.netloc != host:
            troubles.append(f"third party: {request.url}")

    def on_failure(request: Request) -> None:
        # Leaving a page stops what it was still loading, and a download is a navigation that leads nowhere.
        if not (request.method == "GET" and request.failure == "net::ERR_ABORTED"):
            troubles.append(f"failed: {request.method} {request.url} {request.failure}")

    def on_response(response: Response) -> None:
        # A page may answer 422 or 410: its test says which. A file or a swap may not.
        if response.status >= 400 and not response.request.is_navigation_request():
            troubles.append(f"status: {response.request.method} {response.url} {response.status}")

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and STATUS_MESSAGE not in message.text:
            troubles.append(f"console: {message.text} ({message.location['url']})")

    context.on("request", on_request)
    context.on("requestfailed", on_failure)
    context.on("response", on_response)
    context.on("console", on_console)
    context.on("weberror", lambda error: troubles.append(f"script: {error.error}"))
