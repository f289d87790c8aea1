"""What is read besides requests: links, certificates that come back, and the files of a territory.

Nobody's signature is imported from a file: the program reads no CSV of people.
"""

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.certificates import numbers
from app.certificates.exceptions import Verdict
from app.certificates.seal import check_seal
from app.config import ConfigError
from app.content.charter import load_charter
from app.content.communes import load_communes
from app.content.map import load_outlines
from app.mail.links import ACCESS_SIGNATURE, CONFIRM_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE, TokenInvalid
from tests.support.fuzzing import TRIED, cases, over

#: The site is put back from a copy of the file between two requests.
pytestmark = [pytest.mark.sqlite, pytest.mark.long]
DATA = Path(__file__).parents[2] / "app" / "content"
SPLICES = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40) | st.text(max_size=10).map(str.encode)
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def spliced(original: bytes, splices: list[tuple[float, int, bytes]]) -> bytes:
    """Put other bytes in the place of some, anywhere."""
    for where, length, new in splices:
        at = int(where * len(original))
        original = original[:at] + new + original[at + length :]
    return original


@pytest.mark.parametrize("purpose", [CONFIRM_SIGNATURE, ACCESS_SIGNATURE, DENY_SIGNATURE, MOVE_SIGNATURE])
@cases(25)
@given(data=st.data())
def test_any_link(world, purpose, data):
    real = data.draw(st.sampled_from(world.tokens))
    token = data.draw(
        st.text(st.characters(), max_size=200)
        | SPLICES.map(lambda s: spliced(real.encode(), s).decode("latin-1"))
    )
    if over():
        return
    with world.app.app_context():
        try:
            link = purpose.read_token(token)
        except TokenInvalid:
            TRIED["link → refused"] += 1
            return
        assert link == purpose.read_token(real), "a link that we did not make is good"
        TRIED["link → the same link"] += 1


@cases(50)
@given(data=st.data())
def test_any_file_to_check(world, data):
    file = data.draw(SPLICES.map(lambda s: spliced(world.sealed, s)) | st.binary(max_size=2000))
    if over():
        return
    verdict = check_seal(file, world.certificates).verdict
    assert (verdict is Verdict.INTACT) == (file == world.sealed)
    TRIED[f"file to check → {verdict.value}"] += 1


@cases(50)
@given(text=st.text(st.characters(), max_size=40))
def test_any_number(text):
    number = numbers.parse_number(text)
    assert number is None or numbers.parse_number(number) == number


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["24520", "24322"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["type", "features", "properties", "geometry", "coordinates", "code", "x"]), inner
    ),
    max_leaves=12,
)  # fmt: skip
POSITIONS = st.lists(st.floats(-200, 200) | VALUES, max_size=3)
RINGS = st.lists(st.lists(POSITIONS | VALUES, max_size=5) | VALUES, max_size=3)
GEOMETRIES = VALUES | st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Polygon", "MultiPolygon", "Point"]) | VALUES,
        "coordinates": RINGS | st.lists(RINGS, max_size=2) | VALUES,
    }
)
FEATURES = VALUES | st.fixed_dictionaries(
    {"properties": st.fixed_dictionaries({"code": st.just("24520")}) | VALUES, "geometry": GEOMETRIES}
)
COLLECTIONS = st.fixed_dictionaries(
    {"type": st.just("FeatureCollection"), "features": st.lists(FEATURES, min_size=1, max_size=3) | VALUES}
)
DEEP = st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth)


def refuses(kind: str, read, *refusals: type[Exception]) -> None:
    """Read a file that somebody wrote: it is good, or refused with words."""
    if over():
        return
    try:
        read()
    except refusals as error:
        TRIED[f"{kind} → refused" if error.format_message() else f"{kind} → refused without a word"] += 1
    else:
        TRIED[f"{kind} → good"] += 1


@cases(50)
@given(data=st.data())
def test_any_charter(tmp_path_factory, data):
    real = (DATA / "charter.toml").read_bytes()
    real = real.replace(b'"communes.csv"', f'"{DATA}/communes.csv"'.encode())
    real = real.replace(b'"former-names.csv"', f'"{DATA}/former-names.csv"'.encode())
    written = data.draw(
        SPLICES.map(lambda s: spliced(real, s))
        | st.binary(max_size=200)
        | st.lists(st.sampled_from(real.split(b"\n")), max_size=90).map(b"\n".join)
        | DEEP.map(b"title = ".__add__)
    )
    path = tmp_path_factory.getbasetemp() / "charter.toml"
    path.write_bytes(written)
    refuses("charter", lambda: load_charter(path), ConfigError)


@cases(50)
@given(data=st.data())
def test_any_communes(tmp_path_factory, data):
    paths = []
    for name in ("communes.csv", "former-names.csv"):
        lines = (DATA / name).read_bytes().splitlines(keepends=True)[:8]
        written = data.draw(
            st.just(b"".join(lines))
            | SPLICES.map(partial(spliced, b"".join(lines)))
            | st.binary(max_size=200)
            | st.lists(st.sampled_from(lines), max_size=8).map(b"".join)
        )
        paths.append(tmp_path_factory.getbasetemp() / name)
        paths[-1].write_bytes(written)
    refuses("communes", lambda: load_communes(*paths), ConfigError)


@cases(50)
@given(data=st.data())
def test_any_outlines(tmp_path_factory, world, data):
    written = data.draw(
        COLLECTIONS.map(lambda content: json.dumps(content).encode()) | st.binary(max_size=200) | DEEP
    )
    path = tmp_path_factory.getbasetemp() / "contours.geojson"
    path.write_bytes(written)
    communes = world.app.extensions["communes"]
    refuses("outlines", lambda: load_outlines(path, communes), ConfigError)
