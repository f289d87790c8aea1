"""Certificates: what they say, and the PDF that says it."""
