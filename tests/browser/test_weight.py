import urllib.request

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.site import Site
from tests.support.watch import watched

pytestmark = pytest.mark.browser

FIRST_VISIT = 60_000  # bytes over the wire, headers included
SECOND_VISIT = 10_000
REQUESTS = 8


def visit(context: BrowserContext, path: str = "/") -> tuple[int, list[str]]:
    """Open a page; return the bytes that came over the wire, and what was asked for."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    sizes: list[int] = []
    urls: list[str] = []
    session.on("Network.requestWillBeSent", lambda event: urls.append(event["request"]["url"]))
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.send("Network.enable")
    page.goto(path, wait_until="networkidle")
    page.close()
    return sum(sizes), urls


def test_the_charter_is_light(browser: Browser, site: Site) -> None:
    with watched(browser, site.url, "about:blank") as page:
        weight, urls = visit(page.context)
        assert len(urls) <= REQUESTS, urls
        assert weight <= FIRST_VISIT
        assert weight >= 20_000  # or nothing was counted
        weight, urls = visit(page.context)
        assert weight <= SECOND_VISIT, urls


def test_files_are_kept_for_a_year_and_compressed(browser: Browser, site: Site) -> None:
    with watched(browser, site.url, "about:blank") as page:
        _, urls = visit(page.context)
    files = [url for url in urls if "/static/" in url]
    assert {url.rpartition(".")[2] for url in files} >= {"css", "js", "woff2"}
    for url in files:
        headers = headers_of(url)
        assert {"max-age=31536000", "immutable"} <= set(headers["Cache-Control"].split(", ")), url
        if url.endswith((".css", ".js")):
            assert headers["Content-Encoding"] in ("br", "gzip", "zstd"), url


@pytest.mark.parametrize("path", ["/", "/signer", "/signataires"])
def test_pages_are_compressed(path: str, site: Site) -> None:
    assert headers_of(site.url + path)["Content-Encoding"] in ("br", "gzip", "zstd")


def headers_of(url: str) -> dict[str, str]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return dict(answer.headers)
