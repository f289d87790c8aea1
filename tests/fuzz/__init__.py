"""Inputs that nobody thought of: Hypothesis makes them, and the site must answer each one in French.

`make test` runs the same few each time; `make fuzz MINUTES=10` others, as long as it is told.
"""
