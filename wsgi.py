"""The application, for ``flask`` and for any WSGI server; the courier runs beside it."""

from app import courier, create_app

app = create_app()
courier.start(app)
