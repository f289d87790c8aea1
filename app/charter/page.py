"""The charter as a draft sees it: for one choice of commitments it differs in a code and a token only.

Making it anew costs three times as much as all the rest of the answer, and everybody begins with this page.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import current_app, render_template
from flask.sansio.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf

from app.data.charter import Commitment
from app.drafts import Draft
from app.extensions import charter
from app.models import Signature

#: What a process keeps: pages of 30 kB, lines of 2 kB.
PAGES, LINES = 128, 1024
#: What stands there for the two things that are the reader's own; nothing else looks like that.
TOKEN, CODE = "\0token\0", "\0code\0"

Make = Callable[[frozenset[int], Any], str]


def keep_pages(state: BlueprintSetupState) -> None:
    """Let each application keep pages of its own; none while its templates are being edited."""
    kept: dict[Make, Make] = {_page: lru_cache(PAGES)(_page), _line: lru_cache(LINES)(_line)}
    state.app.extensions["charter-pages"] = {make: make for make in kept} if state.app.debug else kept


def charter_page(signature: Signature | Draft, *, saved: bool) -> str:
    """Return the page for this browser; ``saved``: whether to say that the last choice is stored."""
    if isinstance(signature, Draft):
        return _kept(_page, signature, saved)
    return render_template("charter/index.html", signature=signature, saved=saved)


def answered_line(signature: Signature | Draft, commitment: Commitment) -> str:
    """Return what htmx puts in the place of the commitment that was pressed, and of the progress."""
    if isinstance(signature, Draft):
        return _kept(_line, signature, commitment.number)
    return render_template("charter/_answered.html", signature=signature, commitment=commitment)


def _kept(make: Make, draft: Draft, detail: bool | int) -> str:
    keep: Make = current_app.extensions["charter-pages"][make]
    kept = keep(frozenset(draft.pledges), detail)
    return kept.replace(CODE, draft.code).replace(TOKEN, generate_csrf())


def _page(taken: frozenset[int], saved: bool) -> str:
    page = render_template("charter/index.html", signature=Draft(CODE, taken), saved=saved)
    return page.replace(generate_csrf(), TOKEN)


def _line(taken: frozenset[int], number: int) -> str:
    commitment = charter.commitment(number)
    line = render_template("charter/_answered.html", signature=Draft(CODE, taken), commitment=commitment)
    return line.replace(generate_csrf(), TOKEN)
