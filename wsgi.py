"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

from app import courier, create_app

app = create_app()
app.extensions["seal"]()  # made or refused now, rather than when the first certificate is due
courier.start(app)
