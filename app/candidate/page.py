"""The charter as a draft sees it, put together from what the templates drew before.

Making it anew costs three times as much as all the rest of the answer, and everybody begins with this page.
One draft's differs from the next one's in few places: each commitment is taken or not, the progress is
another, and so are the code of the draft and the token of its reader.
"""

import re
from functools import lru_cache

from flask import current_app, render_template
from flask.sansio.blueprints import BlueprintSetupState
from flask_wtf.csrf import generate_csrf

from app.content.charter import Commitment
from app.extensions import charter
from app.models import Signature
from app.signatures.drafts import Draft

#: All the choices that ten commitments allow.
CHOICES = 1024
#: What stands there for the two things that are the reader's own; nothing else looks like that.
TOKEN, CODE = "\0token\0", "\0code\0"
#: What stands there for a part that depends on the choice.
SLOT = re.compile(rb"\0<(\w+)>\0")


def keep_pages(state: BlueprintSetupState) -> None:
    """Let each application keep what its templates drew; nothing while they are being edited."""
    state.app.extensions["charter-pages"] = None if state.app.debug else Kept()


def charter_page(signature: Signature | Draft, *, saved: bool) -> str | bytes:
    """Return the page for this browser; ``saved``: whether to say that the last choice is stored."""
    return _page("candidate/index.html", signature, None, saved)


def answered_line(signature: Signature | Draft, commitment: Commitment) -> str | bytes:
    """Return what htmx puts in the place of the commitment that was pressed, and of the progress."""
    return _page("candidate/_answered.html", signature, commitment, saved=True)


def _page(name: str, signature: Signature | Draft, commitment: Commitment | None, saved: bool) -> str | bytes:
    kept: Kept | None = current_app.extensions["charter-pages"]
    if kept and isinstance(signature, Draft):
        return kept.page(name, signature, commitment, saved)
    return render_template(name, signature=signature, commitment=commitment, saved=saved)


class Kept:
    """What the templates of one application drew: without what is a reader's own, in UTF-8."""

    def __init__(self) -> None:
        self._frame = lru_cache(_frame)
        self._card = lru_cache(_card)
        self._progress = lru_cache(_progress)
        self._segments = lru_cache(CHOICES)(_segments)

    def page(self, name: str, draft: Draft, commitment: Commitment | None, saved: bool) -> bytes:
        """Return what the template draws for a draft."""
        taken = frozenset(draft.pledges)
        parts = {b"%d" % c.number: self._card(c, c.number in taken) for c in charter.commitments}
        parts[b"progress"] = self._progress(len(taken), saved)
        parts[b"segments"] = self._segments(taken)
        pieces = list(self._frame(name, commitment, saved))
        pieces[1::2] = [parts[slot] for slot in pieces[1::2]]
        page = b"".join(pieces).replace(CODE.encode(), draft.code.encode())
        return page.replace(TOKEN.encode(), generate_csrf().encode())


def _frame(name: str, commitment: Commitment | None, saved: bool) -> list[bytes]:
    """Return the pieces of a template: in turns what is the same for every choice, and the name of a part."""
    page = _drawn(name, frozenset(), commitment=commitment, saved=saved)
    for one in charter.commitments:
        page = page.replace(_card(one, False), b"\0<%d>\0" % one.number)
    page = page.replace(_progress(0, saved), b"\0<progress>\0")
    page = page.replace(_segments(frozenset()), b"\0<segments>\0")
    return SLOT.split(page)


def _card(commitment: Commitment, taken: bool) -> bytes:
    choice = frozenset([commitment.number] if taken else [])
    return _drawn("candidate/_commitment.html", choice, commitment=commitment)


def _progress(count: int, saved: bool) -> bytes:
    return _drawn("candidate/_progress.html", frozenset(range(count)), saved=saved)


def _segments(taken: frozenset[int]) -> bytes:
    return _drawn("candidate/_segments.html", taken)


def _drawn(name: str, taken: frozenset[int], **values: object) -> bytes:
    drawn = render_template(name, signature=Draft(CODE, taken), **values)
    return drawn.replace(generate_csrf(), TOKEN).encode()
