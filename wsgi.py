"""The application, for ``flask`` and for any WSGI server; the worker sends letters beside it."""

import logging
import sys

from click import ClickException

from app import create_app
from app.certificates.key import load_key
from app.config import missing_facts
from app.extensions import db
from app.ops.worker import start_worker

#: Exit status of a process that cannot start; gunicorn stops instead of starting another worker.
UNUSABLE = 4

try:
    app = create_app()
    with app.app_context():
        load_key()  # a bad key stops the start, not the first certificate
except ClickException as error:
    error.show()
    sys.exit(UNUSABLE)

if (missing := missing_facts(app.config)) and not app.debug:
    logging.getLogger("paraphe").warning("the legal pages say « à compléter »: set %s", ", ".join(missing))
with app.app_context():
    db.engine.update_execution_options(creates_file=False)  # a lost database is said, not made anew
start_worker(app)
