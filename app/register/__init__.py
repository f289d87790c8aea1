"""The register: the public list of confirmed signatures."""

from app.register.update import init_app

__all__ = ["init_app"]
