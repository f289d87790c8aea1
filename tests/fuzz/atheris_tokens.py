"""For atheris: links in letters. What we did not sign is refused, and nothing else happens."""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["itsdangerous"]):
    import itsdangerous
from app.certificates.numbers import parse_number
from app.mail.links import CONFIRM_SIGNATURE, TokenInvalid
from tests.support.world import World

world = World(Path(tempfile.mkdtemp()))
assert itsdangerous
real = world.tokens[0]


def read(data: bytes) -> None:
    """Change the original, or take the bytes for a link and for a certificate's number."""
    provider = atheris.FuzzedDataProvider(data)
    at, length = provider.ConsumeIntInRange(0, len(real)), provider.ConsumeIntInRange(0, len(real))
    text = provider.ConsumeUnicode(200)
    parse_number(text)
    with world.app.app_context(), suppress(TokenInvalid):
        link = CONFIRM_SIGNATURE.read_token(real[:at] + text + real[at + length :])
        assert link == CONFIRM_SIGNATURE.read_token(real), "a link that we did not make is good"


atheris.Setup(sys.argv, read)
atheris.Fuzz()
