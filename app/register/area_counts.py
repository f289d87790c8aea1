"""Counts of the signatures of a territory, by area."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.content.communes import Area, Commune, Communes

#: Signatures by INSEE code, then by commitment; under 0, all of them. A commune without one may be missing.
Counts = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class AreaCounts:
    """The counts of some communes, which are in alphabetical order."""

    communes: Sequence[Commune]
    covered: int  # communes that have a signature
    taken: Counter[int]  # signatures by commitment; under 0, all of them

    @property
    def signatures(self) -> int:
        """The number of signatures."""
        return self.taken[0]


def count_territory(communes: Communes, counts: Counts) -> AreaCounts:
    """Count the territory. Signatures of a commune that has left the file are in it, as in the register."""
    return replace(_count_area(communes.alphabetical, counts), taken=_sum(counts.values()))


def count_by_epci(communes: Communes, counts: Counts) -> Mapping[Area, AreaCounts]:
    """Count each intercommunality, in alphabetical order."""
    return {
        epci: _count_area([c for c in communes.alphabetical if c.epci.code == epci.code], counts)
        for epci in communes.epcis.values()
    }


def count_by_district(communes: Communes, counts: Counts) -> Mapping[Area, AreaCounts]:
    """Count each arrondissement, in alphabetical order."""
    return {
        district: _count_area([c for c in communes.alphabetical if c.district.code == district.code], counts)
        for district in communes.districts.values()
    }


def _count_area(communes: Sequence[Commune], counts: Counts) -> AreaCounts:
    signed = [counts[commune.insee] for commune in communes if commune.insee in counts]
    return AreaCounts(communes, covered=sum(1 for count in signed if count.get(0)), taken=_sum(signed))


def _sum(counts: Iterable[Mapping[int, int]]) -> Counter[int]:
    return sum(map(Counter, counts), Counter())
