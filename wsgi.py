"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

import logging
import os
import sys
import traceback

from click import ClickException
from flask import Flask

from app import courier, create_app
from app.config import missing_facts
from app.extensions import remember_seal

#: Of a process that cannot start: gunicorn takes it for « the application cannot be loaded », and ends.
UNUSABLE = 4


def seal_is_usable(app: Flask) -> bool:
    """Make or refuse the key now, rather than when the first certificate is due; say what is wrong with it.

    In a process of its own: reading it takes 12 MB, which one that makes no certificate never needs. Not by
    ``multiprocessing``, which lets no daemon of its own have children, and a server's workers may be some.
    """
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    status = UNUSABLE
    try:
        app.extensions["seal"]()
        status = 0
    except ClickException as error:
        error.show()
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


try:
    app = create_app()
except ClickException as error:
    error.show()
    sys.exit(UNUSABLE)

if not seal_is_usable(app):
    sys.exit(UNUSABLE)
remember_seal(app)

if (missing := missing_facts(app.config)) and not app.debug:
    logging.getLogger("paraphe").warning("the legal pages say « à compléter »: set %s", ", ".join(missing))
app.extensions["presence"].expect()
courier.start(app)
