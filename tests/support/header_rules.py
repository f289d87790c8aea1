"""Each route of the site, and the headers of any answer."""

from dataclasses import dataclass

from app.web.headers import HEADERS


@dataclass(frozen=True)
class Row:
    """One route: its kind, an address of it, and what real requests get; `post`: with a form of ours."""

    kind: str
    path: str
    get: int | None = 200
    post: int | None = None
    session: str = "owner"


ROWS = {
    "static": Row("static", "{static}/css/site.css"),
    "candidate.index": Row("private", "/"),
    "candidate.blank_charter": Row("private", "/charte.pdf"),
    "candidate.tick": Row("private", "/engagements/1", None, 303),
    "candidate.sign": Row("private", "/signer", 200, 303, "draft"),
    "candidate.sign_another": Row("private", "/signer/autre", None, 303),
    "candidate.sent": Row("private", "/signer/envoye", 200, 303, "pending"),
    "candidate.confirm": Row("private", "/confirmer/{confirm}", 200, 409),
    "candidate.resend": Row("private", "/confirmer/{confirm}/renvoyer", None, 303),
    "candidate.resent": Row("private", "/confirmer/renvoye"),
    "candidate.change_commitments": Row("private", "/confirmer/{confirm}/engagements"),
    "candidate.change_commitment": Row("private", "/confirmer/{confirm}/engagements/1", None, 303),
    "candidate.correct": Row("private", "/confirmer/{confirm}/corriger", 200, 303),
    "candidate.deny": Row("private", "/refuser/{deny}", 200, 303),
    "candidate.denied": Row("private", "/refuser/fait"),
    "candidate.request_access": Row("private", "/retrouver", 200, 303),
    "candidate.access_requested": Row("private", "/retrouver/envoye"),
    "candidate.access": Row("private", "/acces/{access}", 200, 303),
    "candidate.move": Row("private", "/demenager/{move}", 410, 410),
    "candidate.refuse_move": Row("private", "/demenager/{refuse}/refuser", 410, 410),
    "candidate.move_refused": Row("private", "/demenager/refuse"),
    "candidate.my_signature": Row("private", "/ma-signature"),
    "candidate.edit_commitments": Row("private", "/ma-signature/engagements"),
    "candidate.edit_commitment": Row("private", "/ma-signature/engagements/1", None, 303),
    "candidate.amend": Row("private", "/ma-signature/corriger", 200, 303),
    "candidate.contact": Row("private", "/ma-signature/contact", None, 422),
    "candidate.indexing": Row("private", "/ma-signature/indexation", None, 422),
    "candidate.certificate": Row("private", "/ma-signature/certificat", 200, 303),
    "candidate.certificate_file": Row("private", "/ma-signature/certificat.pdf", 200, 303),
    "candidate.personal_data": Row("private", "/ma-signature/donnees.json"),
    "candidate.share": Row("private", "/ma-signature/partager"),
    "candidate.poster": Row("private", "/ma-signature/affiche.pdf"),
    "candidate.withdraw": Row("private", "/ma-signature/retirer", 200, 303),
    "candidate.withdrawn": Row("private", "/signature-retiree"),
    "candidate.close_session": Row("private", "/ma-signature/fermer", None, 303),
    "citizen.signatories": Row("public", "/signataires"),
    "citizen.signatory": Row("public", "/signataires/{code}"),
    "citizen.badge": Row("badge", "/signataires/{code}/badge.svg"),
    "citizen.picture": Row("public", "/signataires/{code}/image.png"),
    "citizen.commune": Row("public", "/communes/24520"),
    "citizen.commitment": Row("public", "/engagements/1"),
    "citizen.territory": Row("public", "/territoire"),
    "citizen.csv_file": Row("open", "/signataires.csv"),
    "citizen.json_file": Row("open", "/signataires.json"),
    "citizen.feed": Row("open", "/signataires.atom"),
    "citizen.open_data": Row("public", "/donnees-ouvertes"),
    "citizen.schema": Row("open", "/donnees-ouvertes/schema.json"),
    "citizen.verify": Row("public", "/verifier"),
    "citizen.verify_file": Row("public", "/verifier", None, 422),
    "citizen.certificate": Row("public", "/verifier/{number}"),
    "citizen.seal_certificate": Row("public", "/verifier/certificat-organisation.pem"),
    "citizen.robots": Row("public", "/robots.txt"),
    "citizen.sitemap": Row("public", "/sitemap.xml"),
    "citizen.sitemap_of_pages": Row("public", "/sitemap-pages.xml"),
    "citizen.sitemap_of_signatories": Row("public", "/sitemap-signataires-0.xml"),
    "citizen.privacy": Row("public", "/donnees-personnelles"),
    "citizen.legal": Row("public", "/mentions-legales"),
    "citizen.accessibility": Row("public", "/accessibilite"),
    "ops.sante": Row("machine", "/sante"),
}


def check_headers(response, **others):
    for name, value in (HEADERS | others).items():
        assert response.headers.getlist(name) == [value], name
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in response.headers
