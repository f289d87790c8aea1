"""The communes of the territory: found by name, former name or postcode."""

import csv
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.config import ConfigError
from app.text import fold

#: More communes than this is not a choice any more.
MOST_CHOICES = 25


@dataclass(frozen=True)
class Area:
    """A group of communes: an intercommunality (EPCI, SIREN code) or an arrondissement (INSEE code)."""

    code: str
    name: str


#: Of a commune that has left the file.
NOWHERE = Area("", "")


@dataclass(frozen=True)
class Commune:
    """One commune of the *Code officiel géographique* (INSEE)."""

    insee: str
    name: str
    district: Area = NOWHERE  # arrondissement
    epci: Area = NOWHERE
    postcodes: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()

    @property
    def at(self) -> str:
        """The name with its preposition: « à Sarlat », « au Bugue », « aux Eyzies »."""
        article, rest = _split_article(self.name)
        return {"Le": f"au {rest}", "Les": f"aux {rest}"}.get(article, f"à {self.name}")

    @property
    def of(self) -> str:
        """The name with « de »: « de Sarlat », « du Bugue », « des Eyzies », « d’Agonac »."""
        article, rest = _split_article(self.name)
        if article:
            return f"du {rest}" if article == "Le" else f"des {rest}"
        return f"d’{self.name}" if fold(self.name)[0] in "aeiouyh" else f"de {self.name}"


def _split_article(name: str) -> tuple[str, str]:
    """Split off an article that contracts; « La » and « L’ » do not."""
    article, _, rest = name.partition(" ")
    return (article, rest) if article in ("Le", "Les") else ("", name)


class Communes:
    """All the communes, by INSEE code and by what people type.

    Nobody types an INSEE code, and many of them are the postcode of somewhere else.
    """

    def __init__(self, communes: Iterable[Commune]) -> None:
        self._by_insee: Mapping[str, Commune] = {c.insee: c for c in communes}
        self._by_key: dict[str, list[Commune]] = {}
        for commune in self:
            for spelling in (commune.name, *commune.former_names, *commune.postcodes):
                found = self._by_key.setdefault(_key(spelling), [])
                if commune not in found:
                    found.append(commune)

        self.alphabetical = sorted(self, key=lambda commune: fold(commune.name))
        self.districts = _areas(commune.district for commune in self)
        self.epcis = _areas(commune.epci for commune in self)

    def __iter__(self) -> Iterator[Commune]:
        return iter(self._by_insee.values())

    def __len__(self) -> int:
        return len(self._by_insee)

    def get(self, insee: str) -> Commune | None:
        """Return the commune of that INSEE code."""
        return self._by_insee.get(insee)

    def of(self, insee: str) -> Commune:
        """Return the commune of that INSEE code; one that has left the file keeps its code for a name."""
        return self._by_insee.get(insee) or Commune(insee, insee)

    def named(self, name: str) -> list[Commune]:
        """Return the communes that bear exactly that name, or bore it; postcodes are no names."""
        key = _key(name)
        return [] if key.isdigit() else list(self._by_key.get(key, ()))

    def find(self, typed: str) -> list[Commune]:
        """Return the communes that ``typed`` may mean: none, the one, or several to choose from.

        An exact name, former name or postcode wins over names that only begin so or contain it.
        """
        key = _key(typed)
        if not key:
            return []
        if key in self._by_key:
            return list(self._by_key[key])
        begins = [c for k, found in self._by_key.items() if k.startswith(key) for c in found]
        within = [c for k, found in self._by_key.items() if f" {key}" in k for c in found]
        return list(dict.fromkeys(begins or within))

    def closest(self, typed: str, limit: int = 5) -> list[Commune]:
        """Return the communes whose name looks like ``typed``, the most alike first."""
        keys = difflib.get_close_matches(_key(typed), self._by_key, n=limit, cutoff=0.7)
        return list(dict.fromkeys(c for key in keys for c in self._by_key[key]))[:limit]


def _areas(areas: Iterable[Area]) -> Mapping[str, Area]:
    """Return each area once, by its code, in alphabetical order."""
    return {area.code: area for area in sorted(set(areas), key=lambda area: fold(area.name))}


def _key(typed: str) -> str:
    words = {"st": "saint", "ste": "sainte"}
    return " ".join(words.get(word, word) for word in fold(typed).split())


def load_communes(communes: Path, former_names: Path) -> Communes:
    """Read the two CSV files described in ``app/content/README.md``. Raises: ConfigError."""
    former: dict[str, list[str]] = {}
    for row in _rows(former_names, {"code_insee_actuel", "ancien_nom"}):
        former.setdefault(row["code_insee_actuel"], []).append(row["ancien_nom"])
    areas = {"arr", "arrondissement", "epci_siren", "epci"}
    if not (rows := _rows(communes, {"code_insee", "nom", "codes_postaux", *areas})):
        raise ConfigError(f"{communes}: has no line after the first.")
    return Communes(
        Commune(
            insee=row["code_insee"],
            name=row["nom"],
            district=Area(row["arr"], row["arrondissement"]),
            epci=Area(row["epci_siren"], row["epci"]),
            postcodes=tuple(row["codes_postaux"].split()),
            former_names=tuple(former.get(row["code_insee"], ())),
        )
        for row in rows
    )


_HAS_WORD = re.compile(r"[^\W_]").search


def _rows(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """Read the columns that are needed, a word in each cell, with the apostrophe of French printing."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := columns - set(reader.fieldnames or ()):
                raise ConfigError(f"{path}, line 1: there is no column {min(missing)}.")
            rows = []
            for row in reader:
                if empty := [name for name in columns if not _HAS_WORD(row[name] or "")]:
                    raise ConfigError(f"{path}, line {reader.line_num}: {min(empty)} is empty.")
                rows.append({name: row[name].replace("'", "’") for name in columns})
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or not CSV
        raise ConfigError(f"{path}: is not a CSV file in UTF-8: {error}.") from error
    return rows
