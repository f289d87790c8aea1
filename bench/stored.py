"""What a database holds, read behind the back of whatever wrote it: what was acknowledged must be there."""

from sqlalchemy import create_engine, text


def _rows(url: str, statement: str) -> list[tuple]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


def ticks(url: str, prefix: str = "") -> set[tuple[str, int]]:
    """Return the commitments taken: the code of the signature, the number."""
    return set(
        _rows(
            url,
            f"SELECT s.code, p.number FROM {prefix}pledge p JOIN {prefix}signature s"  # noqa: S608  # our own names
            " ON s.id = p.signature_id",
        )
    )


def confirmed(url: str) -> set[str]:
    """Return the codes of the signatures that are confirmed and in the register."""
    statement = "SELECT s.code FROM signature s JOIN entry e ON e.code = s.code WHERE s.status = 'confirmed'"
    return {code for (code,) in _rows(url, statement)}


def certificates(url: str) -> set[str]:
    """Return the numbers of the certificates issued."""
    return {number for (number,) in _rows(url, "SELECT number FROM certificate WHERE pdf IS NOT NULL")}
