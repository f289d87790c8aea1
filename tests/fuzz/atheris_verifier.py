"""For atheris: a certificate that comes back, its bytes changed. Nothing but the original is intact."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.certificates.seal", "app.certificates.numbers"]):
    from app.certificates.seal import check_seal
from app.certificates.exceptions import Verdict
from tests.support.world import World

world = World(Path(tempfile.mkdtemp()))


def examine(data: bytes) -> None:
    """Splice bytes into the original, or take them for the whole file."""
    provider = atheris.FuzzedDataProvider(data)
    file = world.sealed
    if provider.ConsumeBool():
        file = provider.ConsumeBytes(len(data))
    while provider.remaining_bytes():
        at, length = provider.ConsumeIntInRange(0, len(file)), provider.ConsumeIntInRange(0, 40)
        file = file[:at] + provider.ConsumeBytes(provider.ConsumeIntInRange(0, 40)) + file[at + length :]
    verdict = check_seal(file, world.certificates).verdict
    assert (verdict is Verdict.INTACT) == (file == world.sealed)


atheris.Setup(sys.argv, examine)
atheris.Fuzz()
