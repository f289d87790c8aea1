"""How often one client may ask for what costs something. Reading is free, and not even counted.

Flask-Limiter counts, in memory unless ``RATELIMIT_STORAGE_URI`` names a store that several processes share.
Where that store is down, memory takes over: the site stays open.
"""

import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter, RouteLimit
from limits import parse_many
from limits.errors import ConfigurationError

import app.web.counts  # noqa: F401  # the store that « memory:// » names
from app.config import ConfigError

#: A store that does not answer must keep nobody waiting: seconds, and no second try.
REDIS_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "retry": None}
#: What each of these settings limits is said in the README.
SETTINGS = (
    "RATELIMIT_FORMS",
    "RATELIMIT_CERTIFICATES",
    "RATELIMIT_FILES",
    "RATELIMIT_UNKNOWN_NUMBERS",
)


def client() -> str:
    """Name who asks: an IPv4 address, or the /64 that one IPv6 subscriber has (RFC 6177)."""
    named = request.remote_addr or "unknown"
    try:
        address = ipaddress.ip_address(named)
    except ValueError:
        return named
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def pseudonym() -> str:
    """Name who asks so that no store holds an address: only our secret leads from one to the other."""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.digest(secret, client().encode(), hashlib.sha256).hex()[:32]


limiter = Limiter(pseudonym, in_memory_fallback_enabled=True, swallow_errors=True)
# It tells at level INFO who was refused: an address does not belong in a log.
logging.getLogger("flask-limiter").setLevel(logging.WARNING)


def init_app(app: Flask) -> None:
    """Bind the limiter to the application. Raises: ConfigError."""
    for name in SETTINGS:
        try:
            parse_many(app.config[name])
        except ValueError as error:
            raise ConfigError(f"{name} is {app.config[name]!r}: write it as « 10 per 5 minutes ».") from error
    if app.config["RATELIMIT_STORAGE_URI"].startswith("redis"):
        app.config["RATELIMIT_STORAGE_OPTIONS"] = REDIS_OPTIONS
    try:
        limiter.init_app(app)
    except ConfigurationError as error:
        words = "RATELIMIT_STORAGE_URI names no store: write it as « redis://host:6379/0 »."
        raise ConfigError(words) from error  # not the address itself, which may hold a password


def limited(setting: str) -> RouteLimit:
    """Limit how often one client may send a form to a view."""
    return limiter.limit(_rate(setting), methods=["POST"])


def limited_when_unknown(setting: str) -> RouteLimit:
    """Limit how often one client may ask for what is not there."""
    return limiter.limit(_rate(setting), deduct_when=_is_unknown)


def _rate(setting: str) -> Callable[[], str]:
    return lambda: str(current_app.config[setting])


def _is_unknown(response: Response) -> bool:
    return response.status_code == 404


def seconds_to_wait() -> int | None:
    """Return in how many seconds a refused client may ask again; None where it was not the limiter's word."""
    refused = limiter.current_limit
    if refused is None or not refused.breached:
        return None
    return max(1, math.ceil(refused.window.reset_time - time.time()))
