"""The application for Phusion Passenger: copy this file beside ``wsgi.py``."""

from wsgi import app as application

__all__ = ["application"]
