"""Certificates: what they say, their PDF, its seal, and the rows that store them.

`pdf`, `fast_pdf` and `seal` import xhtml2pdf and pyHanko: 1 s and 80 MB each. Callers import them inside the
function that needs them, so that a process without certificates starts quickly.
"""
