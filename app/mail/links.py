"""Links in letters: signed URLs, stored nowhere, with one purpose and one lifetime each."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from app.clock import ClockSigner, now
from app.models import Signature

#: Characters of the HMAC at the end of a token: SHA-256 in base64, without padding.
SEAL_LENGTH = 43


class TokenInvalid(Exception):
    """The token of a link is damaged, or this site did not sign it for this purpose."""


@dataclass(frozen=True)
class Link:
    """The content of a token whose seal is valid: the signature's code, and a hash of its state."""

    code: str
    state_hash: str
    expired: bool


@dataclass(frozen=True)
class Purpose:
    """One kind of link: the salt of its tokens, its page, and the setting of its lifetime in seconds."""

    salt: str
    endpoint: str
    max_age_setting: str
    #: The address that the letter goes to.
    get_address: Callable[[Signature], str | None] = lambda signature: signature.email
    #: What else, besides the address, makes the link void once it changes.
    get_state: Callable[[Signature], tuple[object, ...]] = lambda _: ()

    def make_url(self, signature: Signature) -> str:
        """Return a link to a signature, as letters have it."""
        return url_for(self.endpoint, token=self.make_token(signature), _external=True)

    def make_token(self, signature: Signature) -> str:
        """Return the token of a link to a signature; it has no address in clear."""
        return str(self._serializer().dumps([signature.code, self.hash_state(signature)]))

    def read_token(self, token: str) -> Link:
        """Return the content of a token, expired or not. Raises: TokenInvalid."""
        try:
            content, issued_at = self._serializer().loads(token, return_timestamp=True)
            code, state_hash = map(str, content)
        except (BadData, ValueError, TypeError) as error:
            raise TokenInvalid from error
        age = (now() - issued_at).total_seconds()
        return Link(code, state_hash, expired=age > current_app.config[self.max_age_setting])

    def matches(self, link: Link, signature: Signature) -> bool:
        """Return True if the signature is still in the state that the link was made for."""
        return link.state_hash == self.hash_state(signature)

    def hash_state(self, signature: Signature, state: tuple[object, ...] | None = None) -> str:
        """Return a hash of the state that a link is good for: it changes with the address, or with use.

        ``state`` stands for what `get_state` returns, to ask about a former state.
        """
        # A browser begins anew under the code of an erased signature: the date of its beginning differs.
        state = self.get_state(signature) if state is None else state
        facts = (self.salt, signature.created_at.isoformat(), self.get_address(signature), *state)
        return hashlib.sha256("|".join(map(str, facts)).encode()).hexdigest()[:20]

    def _serializer(self) -> URLSafeTimedSerializer:
        config = current_app.config
        keys = [*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]]  # the last one signs
        options = {"digest_method": hashlib.sha256}
        return URLSafeTimedSerializer(keys, salt=self.salt, signer=ClockSigner, signer_kwargs=options)


CONFIRM_SIGNATURE = Purpose(
    "confirm-signature",
    "candidate.confirm",
    "CONFIRMATION_MAX_AGE",
    get_state=lambda signature: _state_of_letter(signature.confirm_count),
)
ACCESS_SIGNATURE = Purpose(
    "access-signature",
    "candidate.access",
    "ACCESS_MAX_AGE",
    get_state=lambda signature: (signature.access_count, signature.status.value),
)
#: "Ce n’est pas moi", in the same letter as the link that confirms: it lives as long.
DENY_SIGNATURE = Purpose("deny-signature", "candidate.deny", "CONFIRMATION_MAX_AGE")
MOVE_SIGNATURE = Purpose(
    "move-signature",
    "candidate.move",
    "CONFIRMATION_MAX_AGE",
    get_state=lambda signature: (signature.new_email,),
)
#: To the address before the move: it stays good after the move, for the address is then the former one.
REFUSE_MOVE = Purpose(
    "refuse-move",
    "candidate.refuse_move",
    "CONFIRMATION_MAX_AGE",
    get_address=lambda signature: signature.former_email or signature.email,
)


def is_cut(token: str) -> bool:
    """Return True if the end of a token is missing: mail programs cut long lines."""
    *parts, seal = token.split(".")
    return len(parts) < 2 or len(seal) < SEAL_LENGTH


def is_replaced(link: Link, signature: Signature) -> bool:
    """Return True if a newer confirmation letter to the same address replaced a link."""
    former = map(_state_of_letter, range(1, signature.confirm_count))
    return any(link.state_hash == CONFIRM_SIGNATURE.hash_state(signature, state) for state in former)


def _state_of_letter(count: int) -> tuple[object, ...]:
    """Return what names the confirmation letter of that number in its link: nothing for the first one."""
    return (count,) if count > 1 else ()
