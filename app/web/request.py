"""Requests as this program reads them, and the URL converter of text."""

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Request
from werkzeug.routing import BaseConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What an address may be written in, and what it may not.
WRITTEN = "".join(map(chr, range(33, 127)))
RAW = re.compile(r"[^!-~]")


class OurRequest(Request):
    """Takes any bytes for a query, a host in any case, no file to be guarded; keeps files in memory."""

    def __init__(self, environ: "WSGIEnvironment", *arguments: Any, **options: Any) -> None:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()  # RFC 9110, 4.2.3
        # It guards what is written to a file, which nothing here is: Werkzeug answers it with a file and 412.
        environ.pop("HTTP_IF_MATCH", None)
        if RAW.search(environ.get("QUERY_STRING", "")):  # as it should have been written: RFC 3986, 2.1
            environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=WRITTEN, encoding="latin-1")
        super().__init__(environ, *arguments, **options)

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        return BytesIO()


class TextConverter(BaseConverter):
    """A part of an address that is text; NUL is none, and PostgreSQL cannot be asked for it."""

    regex = r"[^/\x00]+"
