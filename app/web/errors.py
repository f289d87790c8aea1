"""Error pages in French, which offer to send a refused form again with its typed values."""

import logging
import math

from flask import Flask, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import (
    Conflict,
    HTTPException,
    SecurityError,
    ServiceUnavailable,
    TooManyRequests,
)

from app.extensions import db
from app.french import duration
from app.web.logging import describe
from app.web.rate_limits import seconds_to_wait

log = logging.getLogger(__name__)

#: Status → (title, what to do).
TEXTS = {
    400: ("Demande incompréhensible", "L’adresse ou le formulaire reçu est incomplet."),
    403: ("Accès refusé", "Cette page n’est pas ouverte à votre session."),
    404: (
        "Page introuvable",
        "L’adresse est peut-être incomplète, ou la page n’existe plus. Si vous veniez d’un courriel, "
        "ouvrez de nouveau le lien en entier.",
    ),
    405: ("Action impossible ici", "Cette adresse ne s’utilise pas ainsi."),
    409: (
        "Deux actions se sont croisées",
        "Une autre demande a modifié ces informations au même moment. Rien n’est perdu : envoyez de nouveau.",
    ),
    410: ("Lien périmé", "Ce lien a déjà servi ou n’est plus valable."),
    413: ("Envoi trop volumineux", "Ce que vous avez envoyé dépasse la taille acceptée."),
    422: ("Formulaire à corriger", "Une réponse manque ou n’est pas valable."),
    429: ("Trop de demandes", "Beaucoup de demandes sont arrivées de votre connexion en peu de temps."),
    500: ("Une erreur est survenue", "La panne vient de nous. Réessayez dans quelques minutes."),
    503: (
        "Service momentanément indisponible",
        "Nous n’avons pas pu enregistrer ou lire vos informations. Réessayez dans un instant.",
    ),
}
#: The typed values that the page shows while they wait to be sent again.
LABELS = {
    "given_name": "Prénom",
    "family_name": "Nom",
    "commune": "Commune",
    "list_name": "Nom de la liste",
    "email": "Adresse électronique",
}
OTHER = ("Demande refusée", "Le site ne peut pas répondre à cette demande.")
EXPIRED_FORM = (
    "Page restée ouverte trop longtemps",
    "Par sécurité, votre navigateur doit confirmer l’envoi. Rien de ce que vous avez saisi n’est perdu.",
)


def init_app(app: Flask) -> None:
    """Register one handler for each family of errors."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(TooManyRequests, _too_many)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(StaleDataError, _database_error)
    app.register_error_handler(PoolTimeout, _database_error)
    app.after_request(_describe_redirect_in_french)
    # Rendered now: when they are needed, templates and database may be unavailable.
    with app.test_request_context(base_url=f"http://{app.config['SERVER_NAME']}"):
        css = url_for("static", filename="css/site.css")

        def render_standalone(title: str, text: str) -> str:
            return render_template("errors/standalone.html", css=css, title=title, text=text)

        page_500 = render_standalone(*TEXTS[500])
        unknown_host = render_standalone(TEXTS[400][0], "Ce site ne répond pas à cette adresse.")
    app.register_error_handler(500, lambda error: (page_500, 500))
    app.register_error_handler(SecurityError, lambda error: (unknown_host, 400))


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response  # a redirect
    status = error.code or 500
    return _page(error, *TEXTS.get(status, OTHER))  # Werkzeug's own descriptions are in English


def _describe_redirect_in_french(response: Response) -> Response:
    """Replace Werkzeug's English body of a redirect, which some clients show (RFC 9110, 15.4)."""
    if response.location and 300 <= response.status_code < 400:
        response.set_data(
            f'<!doctype html>\n<html lang="fr">\n<title>Page suivante</title>\n'
            f'<p><a href="{escape(response.location)}">Continuer</a>\n'
        )
    return response


def _expired_form(error: CSRFError) -> ResponseReturnValue:
    return _page(error, *EXPIRED_FORM, again=True)


def _too_many(error: TooManyRequests) -> ResponseReturnValue:
    """Say when to retry: in seconds in the header, in minutes on the page."""
    title, text = TEXTS[429]
    seconds = seconds_to_wait()
    if seconds is not None:
        error.retry_after = seconds
        wait = duration(60 * math.ceil(seconds / 60)).replace(" ", "\N{NO-BREAK SPACE}")
        text = f"{text} Réessayez dans {wait}."
    return _page(error, title, text, again=True)


def _database_error(error: DBAPIError | StaleDataError | PoolTimeout) -> ResponseReturnValue:
    """Answer 409 to a conflict, else 503, with the typed values; the transaction is rolled back."""
    log.error("database: %s", describe(error))  # never the values, which are personal
    db.session.rollback()
    if isinstance(error, IntegrityError | StaleDataError):
        return _page(Conflict(), *TEXTS[409], again=True)
    return _page(ServiceUnavailable(retry_after=30), *TEXTS[503], again=True)


def _page(error: HTTPException, title: str, text: str, *, again: bool = False) -> ResponseReturnValue:
    """Render the page of an error; ``again`` offers to send the same form once more."""
    status = error.code or 500
    typed = _typed_fields() if status != 413 else None
    shown = [(LABELS[name], value) for name, value in typed or () if name in LABELS and value]
    page = render_template(
        "errors/error.html",
        status=status,
        title=title,
        text=text,
        shown=shown,
        fields=typed if again else None,
    )
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return page, status, headers


def _typed_fields() -> list[tuple[str, str]] | None:
    """Return the fields of a form of this site, or None: values of a foreign page are not sent again."""
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or (
        origin is not None and origin.partition("://")[2] != request.host
    )
    if request.method != "POST" or request.endpoint is None or foreign:
        return None
    try:
        return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    except HTTPException:  # unreadable, or too long for this view
        return None
