"""The charter as a draft sees it: for one choice of commitments it differs in a code and a token only.

Making it anew costs three times as much as all the rest of the answer, and everybody begins with this page.
"""

from collections.abc import Callable
from functools import lru_cache

from flask import current_app, render_template
from flask.sansio.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf

from app.drafts import Draft

#: Pages kept in a process, 30 kB each.
KEPT = 128
#: What stands in a kept page for the two things that are its reader's own; nothing else looks like that.
TOKEN, CODE = "\0token\0", "\0code\0"


def keep_pages(state: BlueprintSetupState) -> None:
    """Let each application keep pages of its own; none while its templates are being edited."""
    state.app.extensions["charter-pages"] = _page if state.app.debug else lru_cache(KEPT)(_page)


def charter_page(draft: Draft, *, saved: bool) -> str:
    """Return the page for this browser; ``saved``: whether to say that the last choice is stored."""
    page: Callable[[frozenset[int], bool], str] = current_app.extensions["charter-pages"]
    return page(frozenset(draft.pledges), saved).replace(CODE, draft.code).replace(TOKEN, generate_csrf())


def _page(taken: frozenset[int], saved: bool) -> str:
    page = render_template("charter/index.html", signature=Draft(CODE, taken), saved=saved)
    return page.replace(generate_csrf(), TOKEN)
