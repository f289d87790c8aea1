"""A mini-browser over Flask's test client: it opens pages and presses the buttons found on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse


class Page:
    """One answer, parsed."""

    def __init__(self, visitor: Visitor, response: TestResponse) -> None:
        self.visitor = visitor
        self.response = response
        self.status = response.status_code
        self.url = response.request.path
        self.soup = BeautifulSoup(response.text if "html" in response.mimetype else "", "html.parser")

    def __getitem__(self, selector: str) -> Tag:
        found = self.soup.select(selector)
        assert len(found) == 1, f"{len(found)} × {selector} in {self.url}"
        return found[0]

    def __contains__(self, selector: str) -> bool:
        return bool(self.soup.select(selector))

    def text(self, selector: str = "main") -> str:
        """Return the words of one element, spaces folded (no-break ones kept)."""
        return " ".join(self[selector].get_text().replace("\n", " ").split(" ")).strip()

    @property
    def title(self) -> str:
        return self.soup.title.get_text() if self.soup.title else ""

    def open_link(self, href: str) -> Page:
        """Follow a link of this page."""
        return self.visitor.open(self[f"main a[href='{href}']"]["href"])

    def submit(self, selector: str, htmx: bool = False, **fields: str | None) -> Page:
        """Press the button of ``selector`` (or the only one of that form), with its form's own fields."""
        element = self[selector]
        form = element if element.name == "form" else element.find_parent("form")
        button = element if element.name == "button" else form.select("button")[0]
        data = dict(_values(form))
        if button.get("name"):
            data[button["name"]] = button.get("value", "")
        data.update(fields)
        data = {name: value for name, value in data.items() if value is not None}
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {}
        action = button.get("formaction", form["action"])
        path = urljoin(self.url, button.get("hx-post") or form.get("hx-post") if htmx else action)
        return self.visitor.send(form["method"], path, data, headers)


class Visitor:
    """A person with a browser: cookies are kept, redirects followed, every page checked."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def open(self, url: str) -> Page:
        parts = urlsplit(url)
        return self.send("get", parts.path + (f"?{parts.query}" if parts.query else ""), None, {})

    def send(self, method: str, path: str, data: dict[str, str] | None, headers: dict[str, str]) -> Page:
        kind = "query_string" if method == "get" else "data"
        response = self.client.open(
            path,
            method=method.upper(),
            headers=headers,
            follow_redirects=True,
            **{kind: data} if data else {},
        )
        response.get_data()
        response.close()
        page = Page(self, response)
        if page.soup.html:
            check_house_rules(page.soup)
        return page


def _values(form: Tag) -> Iterator[tuple[str, str]]:
    for field in form.select("input[name], textarea[name]"):
        if field.get("type") in ("checkbox", "radio") and not field.has_attr("checked"):
            continue
        yield field["name"], field.get("value", "")


def check_house_rules(soup: BeautifulSoup) -> None:
    """Assert what must be true of every page we serve."""
    check_structure(soup)
    texts = [text for text in soup.find_all(string=True) if text.parent.name not in ("script", "pre")]
    check_typography("".join(texts))


def check_structure(soup: BeautifulSoup) -> None:
    """Assert the rules that hold even of a page that shows what somebody typed.

    Every page of every test comes by here: one walk over its elements, since selectors take a walk each.
    """
    elements = defaultdict(list)
    for element in soup.find_all(True):
        elements[element.name].append(element)
    every = [element for some in elements.values() for element in some]
    (h1,) = elements["h1"]
    title = soup.title.get_text().removeprefix("Erreur\N{NO-BREAK SPACE}: ")
    assert title.startswith(h1.get_text().strip()), (title, h1)
    ids = [element["id"] for element in every if element.has_attr("id")]
    assert len(ids) == len(set(ids)), f"duplicate ids: {ids}"
    for link in elements["a"]:
        if link.get("href", "").startswith("#"):
            assert link["href"][1:] in ids, f"leads nowhere: {link}"
    assert not elements["style"], "our CSP forbids it"
    assert all(script.has_attr("src") for script in elements["script"]), "our CSP forbids it"
    assert not any(e.has_attr("style") or e.has_attr("onclick") for e in every), "our CSP forbids it"
    for form in elements["form"]:
        if form.get("method") == "post":
            tokens = 0 if form["action"] == "/verifier" else 1  # which changes nothing
            assert len(form.find_all("input", attrs={"name": "csrf_token"})) == tokens, f"CSRF token: {form}"
    labelled = {label.get("for") for label in elements["label"]}
    for field in (*elements["input"], *elements["textarea"], *elements["select"]):
        if field.get("type") == "hidden":
            continue
        assert field["id"] in labelled, f"no label: {field}"
        for described in field.get("aria-describedby", "").split():
            assert described in ids, f"described by nothing: {field}"
    for form in every:  # or one of its buttons
        if form.has_attr("hx-post"):
            assert form["hx-post"] == form.get("formaction", form.get("action")), "htmx and HTML must agree"


def check_typography(text: str) -> None:
    """Assert the no-break spaces and the apostrophe of French printing."""
    for mark in ";!?":
        assert f" {mark}" not in text, f"a plain space before « {mark} »: {_around(text, f' {mark}')}"
    for wrong in (" :", " »", "« ", "'"):
        assert wrong not in text, f"typography: {_around(text, wrong)}"


def _around(text: str, what: str) -> str:
    place = text.index(what)
    return text[max(0, place - 40) : place + 20]
