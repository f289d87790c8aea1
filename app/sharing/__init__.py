"""What a signatory shows elsewhere: a badge for a site, a picture for social networks, a poster on paper.

`badge`, `picture` and `poster` import fontTools, Pillow and xhtml2pdf. Their callers import them inside the
function that needs them, as for `app.certificates`.
"""
