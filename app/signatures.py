"""A confirmed signature, as certificates and public pages show it."""

from flask import url_for

from app.certificate.snapshot import Snapshot
from app.clock import now
from app.data.communes import Commune
from app.extensions import charter, communes
from app.french import paris_day
from app.models import Signature


def commune_of(signature: Signature) -> Commune:
    """Return the commune; one that has left the file keeps its INSEE code for a name."""
    insee = str(signature.commune)
    return communes.get(insee) or Commune(insee, insee, "", "", ())


def snapshot(signature: Signature) -> Snapshot:
    """Return what a certificate of this confirmed signature says today."""
    assert signature.certificate is not None
    assert signature.role is not None
    number, commune = signature.certificate.number, commune_of(signature)
    return Snapshot(
        number=number,
        issued_on=paris_day(now()),
        url=url_for("public.verify", number=number, _external=True),
        edition=str(signature.edition),
        campaign=charter.campaign.name,
        title=charter.title,
        organisation=charter.organisation,
        commitments=charter.commitments,
        full_name=signature.full_name,
        role=signature.role.label,
        list_name=signature.list_name,
        insee=commune.insee,
        commune=commune.name,
        at=commune.at,
        taken={n: paris_day(pledge.taken_at) for n, pledge in signature.pledges.items()},
    )
