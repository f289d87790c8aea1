"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

import logging

from app import courier, create_app
from app.config import missing_facts

app = create_app()
if (missing := missing_facts(app.config)) and not app.debug:
    logging.getLogger("paraphe").warning("the legal pages say « à compléter »: set %s", ", ".join(missing))
app.extensions["seal"]()  # made or refused now, rather than when the first certificate is due
courier.start(app)
