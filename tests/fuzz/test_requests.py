"""Any request: every address, method, form, field, session and header."""

from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzzing import cases, over

#: The site is put back from a copy of the file between two requests.
pytestmark = [pytest.mark.sqlite, pytest.mark.long]
METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW"]
NASTY = [
    b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", "é".encode("latin-1"), b"'\"><u-x>&amp;",
    b"{{7*7}}{%x%}", b"%s%n{0}", b"../../../etc/passwd", b"a" * 20_000, b"1" * 5_000, b"-1", b"9" * 30,
    "１２".encode(), b"0x1", "\u202e\u2028\ufeff\uffff".encode(), b"\r\nX-Evil: 1", b"[]", b"W10.x.y",
    b"null", b"NaN", b"\xf0\x9f\x8e\x89", b"1e999", "ﬁ".encode() * 100, "e\u0301".encode() * 200,
    b"a@b@c.fr", b"\"a b\"@example.org", b"a@[127.0.0.1]", "a@ex\u00adample.org".encode(), b"a@xn--.fr",
    b"--b", b"W/\"x\"", b"2222-2222-2222",
]  # fmt: skip
TEXTS = st.text(st.characters(), max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
ANY = st.one_of(st.sampled_from(NASTY), TEXTS, st.binary(max_size=40))
MOSTLY = st.sampled_from([True, True, True, False])
SELDOM = st.sampled_from([False] * 11 + [True])
HEADERS = {
    "HTTP_RANGE": ["bytes=0-10", "bytes=99999999-", "bytes=-5", "bytes=5-1", "items=1-2", "bytes=0-1,3-4"],
    "HTTP_IF_RANGE": ['"x"', "Wed, 25 Nov 2026 00:00:00 GMT", "x"],
    "HTTP_IF_NONE_MATCH": ["*", '"x"', 'W/"x"', '"', ","],
    "HTTP_IF_MATCH": ["*", '"x"'],
    "HTTP_IF_MODIFIED_SINCE": ["Wed, 25 Nov 2099 00:00:00 GMT", "x", "Wed, 99 Nov 2026", "1"],
    "HTTP_IF_UNMODIFIED_SINCE": ["Wed, 25 Nov 1999 00:00:00 GMT"],
    "HTTP_ACCEPT": ["text/html;q=x", "*/*", "image/webp", ";;,"],
    "HTTP_ACCEPT_ENCODING": ["gzip", "br;q=2", "zstd", "*;q=0", "identity;q=0", ",;="],
    "HTTP_ACCEPT_LANGUAGE": ["de", "fr;q=-1", "*"],
    "HTTP_HX_REQUEST": ["true", "false"],
    "HTTP_HX_REQUEST_TYPE": ["full", "partial"],
    "HTTP_HX_CURRENT_URL": ["http://localhost/", "javascript:x"],
    "HTTP_ORIGIN": ["http://localhost", "null", "http://[", "https://evil.example"],
    "HTTP_REFERER": ["http://localhost/", "http://[::1", "x"],
    "HTTP_SEC_FETCH_SITE": ["same-origin", "cross-site", "none"],
    "HTTP_X_FORWARDED_FOR": ["1.2.3.4", "x, y", "::"],
    "HTTP_X_FORWARDED_HOST": ["evil.example"],
    "HTTP_X_FORWARDED_PROTO": ["https"],
    "HTTP_AUTHORIZATION": ["Basic x", "Bearer", "Digest a=b,"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE"],
    "HTTP_EXPECT": ["100-continue"],
}
HOSTS = [
    "localhost",
    "localhost:80",
    "LOCALHOST",
    "localhost:x",
    "evil.example",
    "",
    "[::1]",
    "[",
    "a b",
    "é",
]
TYPES = [
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=b", "multipart/form-data; boundary*=utf-8''%ff", "application/json",
    "text/plain", "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=x", ";", "",
]  # fmt: skip


@st.composite
def address(draw: st.DrawFn, world) -> tuple[str, bytes]:
    """A method and one of our addresses, its parts real or not; now and then any address at all."""
    rule = draw(st.sampled_from(sorted(world.app.url_map.iter_rules(), key=str)))
    posted = "POST" in rule.methods and draw(MOSTLY)
    method = draw(st.sampled_from(METHODS)) if draw(SELDOM) else "POST" if posted else "GET"
    if draw(SELDOM):
        return method, b"/" + draw(ANY)
    path = b""
    for is_part, text in rule._trace:
        if not is_part:
            path += text.strip("|").encode()
        elif draw(MOSTLY):
            path += draw(st.sampled_from(world.parts[text])).encode()
        else:
            path += draw(ANY)
    return method, path + (draw(st.sampled_from([b"/", b"\0"])) if draw(SELDOM) else b"")


@st.composite
def fields(draw: st.DrawFn, world, whole: bool) -> list[tuple[bytes, bytes]]:
    """Fields of our forms, real or not, in any number; a whole form to begin with, or none."""
    known = st.sampled_from(sorted(world.fields)).flatmap(
        lambda name: st.tuples(
            st.just(name.encode()), st.sampled_from([v.encode() for v in world.fields[name]]) | ANY
        )
    )
    one = known | known | st.tuples(ANY, ANY)
    changed = draw(st.lists(one, max_size=4 if whole else 6))
    left_out = {name for name, _ in changed}
    form = [(name.encode(), values[0].encode()) for name, values in world.fields.items()] if whole else []
    form = [(name, value) for name, value in form if name not in left_out | {b"remarque"}]
    return form + changed


def urlencoded(form: list[tuple[bytes, bytes]]) -> bytes:
    """Write a form as browsers do."""
    return b"&".join(b"%s=%s" % tuple(quote_from_bytes(text).encode() for text in pair) for pair in form)


@st.composite
def multipart(draw: st.DrawFn, form: list[tuple[bytes, bytes]], world) -> bytes:
    """Write a form in parts, some of them files; and maybe tear it."""
    body = b""
    for name, value in form:
        head = b'Content-Disposition: form-data; name="%s"' % name.replace(b"\r\n", b"")
        if draw(st.integers(0, 4)) == 0:
            head += b'; filename="%s"\r\nContent-Type: %s' % (draw(ANY)[:200], draw(ANY)[:60])
        body += b"--b\r\n%s\r\n\r\n%s\r\n" % (head, value)
    if draw(st.booleans()):
        file = draw(ANY | st.just(world.sealed))
        body += (
            b'--b\r\nContent-Disposition: form-data; name="fichier"; filename="c.pdf"\r\n\r\n%s\r\n' % file
        )
    body += b"--b--\r\n"
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.just(b"") | ANY) + (body[at:] if draw(st.booleans()) else b"")
    return body


@st.composite
def request(draw: st.DrawFn, world) -> tuple[dict[str, Any], bytes]:
    """A request as a server hands it over: PEP 3333."""
    method, path = draw(address(world))
    cookie, token = world.sessions[draw(st.sampled_from([*world.sessions, *world.sessions][1:]))]
    if draw(SELDOM):  # not the cookie that we set
        at = draw(st.integers(0, len(cookie)))
        cookie = cookie[:at] + draw(ANY).decode("latin-1")[:4000] + cookie[at + draw(st.integers(0, 3)) :]
    body, content_type = b"", None
    if method not in ("GET", "HEAD", "OPTIONS") or draw(SELDOM):
        form = draw(fields(world, whole=draw(MOSTLY)))
        if not draw(SELDOM):
            form = [(b"csrf_token", token.encode()), *form]
        kind = draw(st.sampled_from(["urlencoded"] * 5 + ["multipart"] * 3 + ["raw"]))
        if kind == "urlencoded":
            body, content_type = urlencoded(form), TYPES[0]
        elif kind == "multipart":
            body, content_type = draw(multipart(form, world)), "multipart/form-data; boundary=b"
        else:
            body = draw(ANY | st.just(urlencoded(form)))
            content_type = draw(st.sampled_from(TYPES) | ANY.map(lambda text: text.decode("latin-1")))
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=3))
    odd = ANY.map(lambda text: text.decode("latin-1").replace("\r", "").replace("\n", "")[:8000])
    query = draw(fields(world, whole=False)) if draw(st.booleans()) else []
    environ = {
        "wsgi.url_scheme": "https" if draw(SELDOM) else "http",
        "REQUEST_METHOD": method,
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": urlencoded(query).decode() if draw(MOSTLY) else draw(ANY).decode("latin-1"),
        "HTTP_HOST": draw(st.sampled_from(HOSTS) | odd) if draw(SELDOM) else "localhost",
        "HTTP_COOKIE": cookie,
        **{name: draw(st.sampled_from(HEADERS[name]) | odd) for name in names},
    }
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    if draw(SELDOM):
        environ["wsgi.input_terminated"] = True  # chunked: nobody says how long it is
    elif draw(SELDOM):
        environ["CONTENT_LENGTH"] = draw(st.sampled_from(["", "-1", "x", "0", "99999999", "3", "１"]))
    elif body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ, body


@cases(200)
@given(data=st.data())
def test_any_request(world, data):
    environ, body = data.draw(request(world))
    if not over():
        world.ask(environ, body)
