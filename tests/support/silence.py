"""Moments of the electoral silence of the second round of 2026."""

from datetime import UTC, datetime

#: Five minutes after the silence of the second round began: Saturday, five past midnight in Paris.
SILENCE = datetime(2026, 3, 20, 23, 5, tzinfo=UTC)
END = datetime(2026, 3, 22, 23, tzinfo=UTC)  # midnight in Paris
