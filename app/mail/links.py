"""Links in letters: signed, stored nowhere, one purpose and one lifetime each."""

import hashlib
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from app.clock import ClockSigner, now
from app.models import Signature


class TokenInvalid(Exception):
    """The link is damaged, or was never ours."""


@dataclass(frozen=True)
class Link:
    """What a link says, once its seal was found whole."""

    code: str
    fingerprint: str
    expired: bool


@dataclass(frozen=True)
class Purpose:
    """One kind of link, named by its salt."""

    salt: str
    max_age_key: str

    def token(self, signature: Signature) -> str:
        """Make a link for a signature; it carries no address in clear."""
        return str(self._serializer().dumps([signature.code, self.fingerprint(signature)]))

    def read(self, token: str) -> Link:
        """Return what the link was issued for. Raises: TokenInvalid."""
        try:
            content, issued_at = self._serializer().loads(token, return_timestamp=True)
            code, fingerprint = map(str, content)
        except (BadData, ValueError, TypeError) as error:
            raise TokenInvalid from error
        age = (now() - issued_at).total_seconds()
        return Link(code, fingerprint, expired=age > current_app.config[self.max_age_key])

    def fits(self, link: Link, signature: Signature) -> bool:
        """Whether the link was made for the signature as it now is, expired or not."""
        return link.fingerprint == self.fingerprint(signature)

    def fingerprint(self, signature: Signature) -> str:
        """Name the state that the link is good for: it dies when the address changes or it was used."""
        # A browser begins anew under the code of what was erased: when it began tells them apart.
        state = f"{self.salt}|{signature.created_at.isoformat()}|{signature.email}"
        if self is ACCESS_SIGNATURE:
            state += f"|{signature.access_count}|{signature.status.value}"
        if self is MOVE_SIGNATURE:
            state += f"|{signature.new_email}"
        return hashlib.sha256(state.encode()).hexdigest()[:20]

    def _serializer(self) -> URLSafeTimedSerializer:
        config = current_app.config
        keys = [*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]]  # the last one signs
        options = {"digest_method": hashlib.sha256}
        return URLSafeTimedSerializer(keys, salt=self.salt, signer=ClockSigner, signer_kwargs=options)


CONFIRM_SIGNATURE = Purpose("confirm-signature", "CONFIRMATION_MAX_AGE")
ACCESS_SIGNATURE = Purpose("access-signature", "ACCESS_MAX_AGE")
#: « Ce n’est pas moi »: as long as the other link of the same letter.
DENY_SIGNATURE = Purpose("deny-signature", "CONFIRMATION_MAX_AGE")
MOVE_SIGNATURE = Purpose("move-signature", "CONFIRMATION_MAX_AGE")
