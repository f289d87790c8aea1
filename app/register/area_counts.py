"""How much of a territory is covered: plain counts of the whole, and of its parts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.content.communes import Area, Commune, Communes

#: Signatures by commune, then by commitment; under 0, all of them. What is not there has none.
Counts = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Part:
    """Some communes, in alphabetical order, and what was signed in them."""

    communes: Sequence[Commune]
    covered: int  # how many of the communes have a signature
    taken: Counter[int]  # signatures by commitment; under 0, all of them

    @property
    def signatures(self) -> int:
        """All the signatures, whatever they took."""
        return self.taken[0]


def whole(communes: Communes, counts: Counts) -> Part:
    """Count the territory; in its signatures, as in the register's, those of a commune that left the file."""
    return replace(_part(communes.alphabetical, counts), taken=_sum(counts.values()))


def by_epci(communes: Communes, counts: Counts) -> Mapping[Area, Part]:
    """Count each intercommunality, in alphabetical order."""
    return {
        area: _part([c for c in communes.alphabetical if c.epci.code == area.code], counts)
        for area in communes.epcis.values()
    }


def by_district(communes: Communes, counts: Counts) -> Mapping[Area, Part]:
    """Count each arrondissement, in alphabetical order."""
    return {
        area: _part([c for c in communes.alphabetical if c.district.code == area.code], counts)
        for area in communes.districts.values()
    }


def _part(communes: Sequence[Commune], counts: Counts) -> Part:
    signed = [counts[commune.insee] for commune in communes if commune.insee in counts]
    return Part(communes, covered=sum(1 for counted in signed if counted.get(0)), taken=_sum(signed))


def _sum(signed: Iterable[Mapping[int, int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for counted in signed:
        total.update(counted)
    return total
