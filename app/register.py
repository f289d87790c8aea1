"""The register: the confirmed signatures, as everybody may read them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, tuple_

from app.extensions import db
from app.models import Signature, Status

PAGE_SIZE = 25


@dataclass(frozen=True)
class Page:
    """One page of the register, newest first."""

    signatures: Sequence[Signature]
    total: int
    #: The code that continues the list, where it goes on.
    after: str | None


def page(commune: str | None = None, after: str | None = None) -> Page:
    """Return the signatures of the territory, or of one commune, that follow the one of code ``after``."""
    public = _public(commune)
    total = db.session.scalar(select(func.count()).select_from(public.subquery())) or 0
    start = find(after) if after else None
    if start:
        public = public.where(tuple_(Signature.confirmed_at, Signature.id) < (start.confirmed_at, start.id))
    newest = public.order_by(Signature.confirmed_at.desc(), Signature.id.desc()).limit(PAGE_SIZE + 1)
    found = db.session.scalars(newest).all()
    more = len(found) > PAGE_SIZE
    return Page(found[:PAGE_SIZE], total, found[PAGE_SIZE - 1].code if more else None)


def find(code: str) -> Signature | None:
    """Return one public signature."""
    return db.session.scalar(_public().where(Signature.code == code))


def _public(commune: str | None = None) -> Select[Signature]:
    """Select what is public: confirmed, not withdrawn, and holding at least one commitment."""
    public = select(Signature).where(Signature.status == Status.CONFIRMED, Signature.pledges.any())
    return public.where(Signature.commune == commune) if commune else public
