"""What templates may call."""

from flask import Flask

from app import french
from app.clock import now
from app.extensions import charter
from app.signatures import commune_of


def init_app(app: Flask) -> None:
    """Register the filters and the values that every template has."""
    app.jinja_env.filters.update(
        long_date=french.long_date,
        clock_time=french.clock_time,
        before_list=french.before_list,
        duration=french.duration,
        days=french.days,
        thousands=french.thousands,
        commitments_of=french.commitments_of,
        typeset=french.typeset,
        commune=commune_of,
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    app.context_processor(
        lambda: {"charter": charter, "silence_until": lambda: charter.campaign.silence_until(now())}
    )
