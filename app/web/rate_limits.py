"""Rate limits (Flask-Limiter): how often one client may send a form. Reading is never limited.

The counts are in memory, for each process, unless ``RATELIMIT_STORAGE_URI`` names a shared store.
While that store is down, memory takes over: the site stays open.
"""

import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter, RouteLimit
from limits import parse_many
from limits.errors import ConfigurationError

from app.config import ConfigError

#: Seconds; no request waits longer for a store that does not answer, and none tries twice.
REDIS_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5, "retry": None}
#: docs/configuration.md says what each setting limits.
SETTINGS = (
    "RATELIMIT_FORMS",
    "RATELIMIT_CERTIFICATES",
    "RATELIMIT_FILES",
    "RATELIMIT_UNKNOWN_NUMBERS",
)


def client_address() -> str:
    """Return the client: its IPv4 address, or the /64 that one IPv6 subscriber has (RFC 6177)."""
    named = request.remote_addr or "unknown"
    address = _parse_address(named)
    if address is None:
        return named
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, without the port that some proxies add: 192.0.2.1:5678, [2001:db8::1]:443."""
    for part in (text, text.rpartition(":")[0].strip("[]"), text.strip("[]")):
        with suppress(ValueError):
            return ipaddress.ip_address(part)
    return None


def client_key() -> str:
    """Return an HMAC of the client, so that no store holds an IP address."""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.digest(secret, client_address().encode(), hashlib.sha256).hex()[:32]


limiter = Limiter(client_key, in_memory_fallback_enabled=True, swallow_errors=True)
# At level INFO it logs the IP addresses of refused clients.
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
    """Limit how often one client may POST to a view."""
    return limiter.limit(_rate(setting), methods=["POST"])


def limited_when_unknown(setting: str) -> RouteLimit:
    """Limit how often one client may get a 404 from a view."""
    return limiter.limit(_rate(setting), deduct_when=_is_unknown)


def _rate(setting: str) -> Callable[[], str]:
    return lambda: str(current_app.config[setting])


def _is_unknown(response: Response) -> bool:
    return response.status_code == 404


def seconds_to_wait() -> int | None:
    """Return the seconds after which a refused client may retry; None if the limiter refused nothing."""
    refused = limiter.current_limit
    if refused is None or not refused.breached:
        return None
    return max(1, math.ceil(refused.window.reset_time - time.time()))
