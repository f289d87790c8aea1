"""Requests as this program reads them, and the URL converter of text."""

import re
from html import unescape
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Request
from werkzeug.routing import BaseConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What a query may be written in (RFC 3986, 2), and what it may not.
PRINTABLE_ASCII = "".join(map(chr, range(33, 127)))
UNENCODED = re.compile(r"[^!-~]")


class NormalisedRequest(Request):
    """A request whose host is in lower case, whose query is ASCII, and whose uploads stay in memory."""

    def __init__(self, environ: "WSGIEnvironment", *arguments: Any, **options: Any) -> None:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()  # RFC 9110, 4.2.3
        if UNENCODED.search(environ.get("QUERY_STRING", "")):  # raw bytes: Werkzeug fails to redirect them
            environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=PRINTABLE_ASCII, encoding="latin-1")
        super().__init__(environ, *arguments, **options)

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        return BytesIO()  # Werkzeug's hook: no uploaded file ever touches the disk


#: What no token of a link has: RFC 4648 (5) and the dots of itsdangerous.
NO_TOKEN = re.compile(r"[^A-Za-z0-9_.-]")


class TextConverter(BaseConverter):
    """A segment of a URL without NUL, which PostgreSQL does not take in a text."""

    regex = r"[^/\x00]+"
    part_isolating = True  # Werkzeug looks for « / » in the text of the regex, and finds the one it excludes


class TokenConverter(TextConverter):
    """The token of a mailed link, without what mail programs add to it: « . », « ) », « &gt; », spaces."""

    def to_python(self, value: str) -> str:
        """Return the token as it was sent, as far as it is there."""
        return NO_TOKEN.sub("", unescape(value)).strip(".")
