"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

import logging
import sys

from click import ClickException

from app import courier, create_app
from app.config import missing_facts

try:
    app = create_app()
    app.extensions["seal"]()  # made or refused now, rather than when the first certificate is due
except ClickException as error:
    error.show()
    sys.exit(4)  # which gunicorn takes for « the application cannot be loaded », and does not try again

if (missing := missing_facts(app.config)) and not app.debug:
    logging.getLogger("paraphe").warning("the legal pages say « à compléter »: set %s", ", ".join(missing))
app.extensions["presence"].expect()
courier.start(app)
