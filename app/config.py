"""Configuration: defaults, then ``instance/config.py``, then ``FLASK_*`` variables, then overrides."""

import ipaddress
import os
import secrets
import traceback
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from click import ClickException
from email_validator import EmailNotValidError, validate_email
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import files

#: Shorter secrets can be guessed; ``secrets.token_hex(32)`` is twice as long.
SECRET_MIN_LENGTH = 32

DEFAULTS: dict[str, Any] = {
    "SECRET_KEY": "",
    "SECRET_KEY_FALLBACKS": [],
    "SERVER_NAME": "",
    "PREFERRED_URL_SCHEME": "",
    "TRUSTED_PROXIES": 0,
    "SQLALCHEMY_DATABASE_URI": "sqlite:///paraphe.sqlite3",
    "ORGANISERS": [],
    "CHARTER_FILE": str(Path(__file__).parent / "content" / "charter.toml"),
    "CONTOURS_FILE": "",
    # The seal of the certificates
    "SEAL_FILE": "seal.p12",
    "SEAL_PASSPHRASE": "",
    "TIMESTAMP_URL": "",
    # Letters
    "MAIL_SERVER": "",
    "MAIL_PORT": 587,
    "MAIL_USE_TLS": True,  # STARTTLS, with the certificate verified
    "MAIL_USE_SSL": False,
    "MAIL_USERNAME": "",
    "MAIL_PASSWORD": "",
    "MAIL_DEFAULT_SENDER": "",
    "MAIL_REPLY_TO": "",
    "MAIL_TIMEOUT": 15,  # seconds
    "LETTERS_PER_DAY": 3,  # unanswered, to one address
    "FORM_MIN_SECONDS": 2,  # a form that is back sooner must be sent twice
    # What one client may do; each process counts by itself, unless they share a store
    "RATELIMIT_ENABLED": True,
    "RATELIMIT_STORAGE_URI": "memory://",
    "RATELIMIT_FORMS": "150 per 10 minutes",
    "RATELIMIT_CERTIFICATES": "100 per 10 minutes",
    "RATELIMIT_FILES": "60 per 10 minutes",
    "RATELIMIT_UNKNOWN_NUMBERS": "30 per 10 minutes",
    # For those who watch the site
    "LOG_FORMAT": "text",  # or "json", with a line for each request
    "METRICS_TOKEN": "",
    # Lifetimes, in seconds
    "CONFIRMATION_MAX_AGE": 7 * 24 * 3600,
    "ACCESS_MAX_AGE": 3600,
    "ACCESS_IDLE": 1800,
    "ACCESS_MAX_HOURS": 12,
    "PERMANENT_SESSION_LIFETIME": 30 * 24 * 3600,
    # How long what is kept, in days; the page on personal data says the same
    "KEEP_PENDING_DAYS": 8,
    "KEEP_LETTERS_DAYS": 30,
    "KEEP_WITHDRAWN_DAYS": 5 * 365,  # Code civil, art. 2224: the limitation period
    "KEEP_DEEDS_DAYS": 5 * 365,
    "ERASURE_LEDGER": "erased.txt",
    # Facts of the legal pages; what is empty is shown as « à compléter »
    "PUBLISHER": "",
    "PUBLICATION_DIRECTOR": "",
    "HOST": "",
    "PRIVACY_CONTACT": "",
    "ACCESS_LOG_DAYS": -1,  # of the proxy in front; -1: not said
}

#: What only the person who runs the site knows, and the legal pages must say: LCEN, art. 1-1; RGPD, art. 13.
FACTS = ("PUBLISHER", "PUBLICATION_DIRECTOR", "HOST", "PRIVACY_CONTACT", "ACCESS_LOG_DAYS")

#: Not for the person who runs the site: what the program needs of Flask and its extensions.
FIXED: dict[str, Any] = {
    "MAX_CONTENT_LENGTH": 64 * 1024,
    "MAX_FORM_PARTS": 100,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_REFRESH_EACH_REQUEST": False,  # so that only pages which use the session set a cookie
    "SQLALCHEMY_ENGINE_OPTIONS": {"hide_parameters": True},  # names and addresses stay out of the log
    "WTF_CSRF_TIME_LIMIT": None,
    "WTF_I18N_ENABLED": False,  # our own Meta.locales speaks French
    "COMPRESS_ALGORITHM": ["br", "gzip"],
    "COMPRESS_ALGORITHM_STREAMING": ["zstd", "br", "gzip"],  # files of the register: the quickest first
    "COMPRESS_BR_LEVEL": 5,  # a tenth smaller than Zstandard's default, for 1 ms on the largest file
    "COMPRESS_MIMETYPES": [
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
        "text/plain",
        "text/csv",
        "application/json",
        "application/atom+xml",
        "application/xml",
    ],
}


def missing_facts(config: Mapping[str, Any]) -> list[str]:
    """Return the settings whose place on the legal pages says « à compléter »."""
    return [name for name in FACTS if config[name] == DEFAULTS[name]]


class ConfigError(ClickException):
    """The application cannot start so; the message says what to do (and ``flask`` prints just that)."""


def configure(app: Flask, overrides: Mapping[str, Any]) -> None:
    """Fill ``app.config`` and check it. Raises: ConfigError."""
    app.config.from_mapping(DEFAULTS)
    _read_file(app)
    app.config.from_prefixed_env()
    app.config.from_mapping(overrides)
    config = app.config
    for name in FACTS:
        if config[name] in ("…", "..."):  # what stands for it in an example
            config[name] = DEFAULTS[name]
    for key, default in DEFAULTS.items():
        if type(config[key]) is not type(default):
            raise ConfigError(  # without the value, which may be a secret
                f"{key} is of type {type(config[key]).__name__}; it must be {type(default).__name__}. In "
                "config.py, numbers stand without quotes; in an environment variable, which is read as JSON, "
                "a text that looks like a number stands in quotes."
            )
    if app.debug:
        _prepare_development(app)
    _require(app)

    https = config["PREFERRED_URL_SCHEME"] == "https"
    config.from_mapping(
        FIXED,
        # Static URLs bear the hash of their content; while it is being edited, nothing is kept.
        SEND_FILE_MAX_AGE_DEFAULT=None if app.debug else timedelta(days=365),
        # Flask-WTF knows no fallbacks, itsdangerous does: forms opened before a rotation are good still.
        WTF_CSRF_SECRET_KEY=[*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]],
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_NAME="__Host-paraphe" if https else "paraphe",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=config["PERMANENT_SESSION_LIFETIME"]),
    )
    own = [config["SERVER_NAME"].partition(":")[0]]
    config["TRUSTED_HOSTS"] = config["TRUSTED_HOSTS"] or own + ["127.0.0.1", "localhost"] * app.debug
    if config["TRUSTED_PROXIES"]:
        depth = config["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=depth, x_proto=depth)  # type: ignore[method-assign]  # Flask's own idiom


def _read_file(app: Flask) -> None:
    """Read ``instance/config.py``, if there is one. Raises: ConfigError, which quotes nothing of it."""
    try:
        app.config.from_pyfile("config.py", silent=True)
    except SyntaxError as error:
        raise ConfigError(f"config.py, line {error.lineno}: is a quote missing?") from None
    except Exception as error:
        *_, (_, line) = traceback.walk_tb(error.__traceback__)
        raise ConfigError(f"config.py, line {line}: {type(error).__name__}. Is a quote missing?") from None


def _prepare_development(app: Flask) -> None:
    """Fill in what a newcomer need not know about."""
    config = app.config
    config["SERVER_NAME"] = config["SERVER_NAME"] or "127.0.0.1:5000"
    config["PREFERRED_URL_SCHEME"] = config["PREFERRED_URL_SCHEME"] or "http"
    config["MAIL_DEFAULT_SENDER"] = config["MAIL_DEFAULT_SENDER"] or "charte@localhost"
    if config["PREFERRED_URL_SCHEME"] == "https" or not _is_at_home(config["SERVER_NAME"]):
        raise ConfigError(
            f"Debug mode must not face the public ({config['SERVER_NAME']}): unset FLASK_DEBUG, or serve "
            "over http on this machine or its local network."
        )


def _is_at_home(server_name: str) -> bool:
    host = server_name.rpartition(":")[0] or server_name
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private  # loopback included
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local"))


def _require(app: Flask) -> None:
    """Check what nothing can replace."""
    config = app.config
    config["PREFERRED_URL_SCHEME"] = config["PREFERRED_URL_SCHEME"] or "https"
    if not config["SERVER_NAME"]:
        raise ConfigError(
            "SERVER_NAME is missing: set it to the public host name (FLASK_SERVER_NAME=charte.example.fr), "
            "since links in letters are made of it. To look around, use `make run`."
        )
    config["SERVER_NAME"] = config["SERVER_NAME"].lower()
    if "/" in config["SERVER_NAME"]:
        raise ConfigError(f"SERVER_NAME is {config['SERVER_NAME']!r}: write the host name alone.")
    if not config["SERVER_NAME"].isascii():
        raise ConfigError("SERVER_NAME must be in ASCII: write an international name as « xn--… ».")
    if config["PREFERRED_URL_SCHEME"] not in ("http", "https"):
        raise ConfigError("PREFERRED_URL_SCHEME must be http or https.")
    if config["MAIL_USE_SSL"]:
        config["MAIL_USE_TLS"] = False  # TLS from the first byte leaves nothing for STARTTLS to do
    if not config["MAIL_SERVER"] and not app.debug:
        raise ConfigError("MAIL_SERVER is missing: set it to your SMTP relay, or no letter can leave.")
    if not config["MAIL_DEFAULT_SENDER"]:
        raise ConfigError("MAIL_DEFAULT_SENDER is missing: set it to the address that letters come from.")
    if config["TIMESTAMP_URL"] and not config["TIMESTAMP_URL"].startswith(("http://", "https://")):
        raise ConfigError("TIMESTAMP_URL must begin with http:// or https:// (RFC 3161 over HTTP).")
    if "@" not in config["MAIL_DEFAULT_SENDER"]:
        raise ConfigError("MAIL_DEFAULT_SENDER must be an address, as charte@example.fr.")
    if config["MAIL_REPLY_TO"]:
        _require_address("MAIL_REPLY_TO", config["MAIL_REPLY_TO"])
    for address in config["ORGANISERS"]:
        _require_address("ORGANISERS", address)
    if not 1 <= config["MAIL_PORT"] <= 65535:
        raise ConfigError(f"MAIL_PORT is {config['MAIL_PORT']}: it must be between 1 and 65535.")
    days = [name for name in DEFAULTS if name.startswith("KEEP_")]
    positive = dict.fromkeys(["LETTERS_PER_DAY", "ACCESS_MAX_HOURS", *days], 1)
    for name, least in {"TRUSTED_PROXIES": 0, **positive}.items():
        if config[name] < least:
            raise ConfigError(f"{name} is {config[name]}: it must be {least} at least.")
    if config["APPLICATION_ROOT"] != "/" or os.environ.get("SCRIPT_NAME", "/") not in ("", "/"):
        raise ConfigError(
            "The site must have a host name of its own, since cookies and links start at its root: remove "
            "APPLICATION_ROOT and the environment variable SCRIPT_NAME."
        )
    if config["LOG_FORMAT"] not in ("text", "json"):
        raise ConfigError("LOG_FORMAT must be text or json.")
    if config["METRICS_TOKEN"] and len(config["METRICS_TOKEN"]) < SECRET_MIN_LENGTH:
        raise ConfigError(f"METRICS_TOKEN is too short: at least {SECRET_MIN_LENGTH} characters are needed.")
    config["SECRET_KEY"] = config["SECRET_KEY"] or _own_secret(Path(app.instance_path))
    _require_secret("SECRET_KEY", config["SECRET_KEY"])
    for key in config["SECRET_KEY_FALLBACKS"]:  # each of them signs sessions too
        _require_secret("A key of SECRET_KEY_FALLBACKS", key)


def _require_address(name: str, address: object) -> None:
    try:
        validate_email(str(address), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ConfigError(f"{name}: {address!r} is not an e-mail address.") from error


def _require_secret(name: str, key: object) -> None:
    if not isinstance(key, str) or len(key) < SECRET_MIN_LENGTH:
        raise ConfigError(
            f"{name} is too short (at least {SECRET_MIN_LENGTH} characters are needed): make one with "
            '`python -c "import secrets; print(secrets.token_hex(32))"`.'
        )


def _own_secret(instance: Path) -> str:
    """Return the secret kept in ``instance/secret_key``, made the first time. Raises: ConfigError."""
    file = instance / "secret_key"
    try:
        return files.read_or_create(file, lambda: secrets.token_hex(32).encode()).decode().strip()
    except OSError as error:
        raise ConfigError(f"The secret key: {files.describe_refusal(file, error)}") from error
