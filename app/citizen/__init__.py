"""The citizen's pages: the register, the verification of certificates, the legal pages.

They only read, set no cookie, and never see an e-mail address.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.register.queries import read_version
from app.web.http_cache import conditional

bp = Blueprint("citizen", __name__)


def conditional_on_register(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Answer 304 without a call of the view if the client has its page of this version of the register."""

    @wraps(view)
    def answer(**values: Any) -> ResponseReturnValue:
        return conditional(read_version(), lambda: view(**values))

    return answer


from app.citizen import images, legal, open_data, signatories, sitemap, territory, verify

__all__ = ["bp", "images", "legal", "open_data", "signatories", "sitemap", "territory", "verify"]
