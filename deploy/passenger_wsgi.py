"""For hosts where Phusion Passenger starts the site: copy this file beside ``wsgi.py``."""

from wsgi import app as application

__all__ = ["application"]
