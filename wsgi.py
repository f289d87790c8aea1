"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

import logging
import sys
from multiprocessing import get_context

from click import ClickException

from app import courier, create_app
from app.config import missing_facts
from app.extensions import remember_seal

#: Of a process that cannot start: gunicorn takes it for « the application cannot be loaded », and ends.
UNUSABLE = 4


def read_seal() -> None:
    """Make or refuse the key now, rather than when the first certificate is due."""
    try:
        app.extensions["seal"]()
    except ClickException as error:
        error.show()
        sys.exit(UNUSABLE)


try:
    app = create_app()
except ClickException as error:
    error.show()
    sys.exit(UNUSABLE)

# In a process of its own: reading it takes 12 MB, which one that makes no certificate never needs.
look = get_context("fork").Process(target=read_seal)
look.start()
look.join()
if look.exitcode:
    sys.exit(UNUSABLE)
remember_seal(app)

if (missing := missing_facts(app.config)) and not app.debug:
    logging.getLogger("paraphe").warning("the legal pages say « à compléter »: set %s", ", ".join(missing))
app.extensions["presence"].expect()
courier.start(app)
