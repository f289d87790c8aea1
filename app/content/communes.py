"""The communes of the territory, and the search for them by name, former name or postcode."""

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.config import ConfigError
from app.content import file_errors
from app.text import fold

#: A search that finds more communes is too vague: they are too many to choose from.
MAX_CHOICES = 25


@dataclass(frozen=True)
class Area:
    """A group of communes: an intercommunality (EPCI, SIREN code) or an arrondissement (INSEE code)."""

    code: str
    name: str


#: The area of a commune that is no longer in the file.
NO_AREA = Area("", "")


@dataclass(frozen=True)
class Commune:
    """One commune of the *Code officiel géographique* (INSEE)."""

    insee: str
    name: str
    district: Area = NO_AREA  # arrondissement
    epci: Area = NO_AREA
    postcodes: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()

    @property
    def at(self) -> str:
        """The name after "à": « à Sarlat », « au Bugue », « aux Eyzies »."""
        article, _, rest = self.name.partition(" ")
        return {"Le": f"au {rest}", "Les": f"aux {rest}"}.get(article, f"à {self.name}")

    @property
    def of(self) -> str:
        """The name after "de": « de Sarlat », « du Bugue », « des Eyzies », « d’Agonac »."""
        article, _, rest = self.name.partition(" ")
        plain = f"d’{self.name}" if fold(self.name)[0] in "aeiouyh" else f"de {self.name}"
        return {"Le": f"du {rest}", "Les": f"des {rest}"}.get(article, plain)


class Communes:
    """All communes, by INSEE code, and by name, former name and postcode.

    INSEE codes are not searched: many are the postcode of another commune.
    """

    def __init__(self, communes: Iterable[Commune]) -> None:
        self._by_insee: Mapping[str, Commune] = {c.insee: c for c in communes}
        self._by_key: dict[str, list[Commune]] = {}
        for commune in self:
            for key in dict.fromkeys(map(_key, (commune.name, *commune.former_names, *commune.postcodes))):
                self._by_key.setdefault(key, []).append(commune)
        self.alphabetical = sorted(self, key=lambda commune: fold(commune.name))
        self.districts = _index_areas(commune.district for commune in self)
        self.epcis = _index_areas(commune.epci for commune in self)

    def __iter__(self) -> Iterator[Commune]:
        return iter(self._by_insee.values())

    def __len__(self) -> int:
        return len(self._by_insee)

    def get(self, insee: str) -> Commune | None:
        """Return the commune of an INSEE code, or None if the file does not have it."""
        return self._by_insee.get(insee)

    def get_or_placeholder(self, insee: str) -> Commune:
        """Return the commune of an INSEE code, or one named by its code if the file no longer has it."""
        return self._by_insee.get(insee) or Commune(insee, insee)

    def find_by_name(self, name: str) -> list[Commune]:
        """Return the communes with exactly that name or former name; a postcode is not a name."""
        key = _key(name)
        return [] if key.isdigit() else list(self._by_key.get(key, ()))

    def search(self, typed: str) -> list[Commune]:
        """Return the communes that a text may mean: none, one, or several to choose from.

        An exact name, former name or postcode comes before names that begin so, or have a word that does.
        """
        key = _key(typed)
        if not key:
            return []
        if key in self._by_key:
            return list(self._by_key[key])
        begins = [c for k, found in self._by_key.items() if k.startswith(key) for c in found]
        within = [c for k, found in self._by_key.items() if f" {key}" in k for c in found]
        return list(dict.fromkeys(begins or within))

    def suggest(self, typed: str, limit: int = 5) -> list[Commune]:
        """Return the communes whose name or postcode resembles a text with typos, the most alike first."""
        keys = difflib.get_close_matches(_key(typed), self._by_key, n=limit, cutoff=0.7)
        return list(dict.fromkeys(c for key in keys for c in self._by_key[key]))[:limit]


def _index_areas(areas: Iterable[Area]) -> Mapping[str, Area]:
    """Return areas by code, in alphabetical order of their names."""
    return {area.code: area for area in sorted(set(areas), key=lambda area: fold(area.name))}


def _key(typed: str) -> str:
    words = {"st": "saint", "ste": "sainte"}
    return " ".join(words.get(word, word) for word in fold(typed).split())


def load_communes(communes: Path, former_names: Path) -> Communes:
    """Load the two CSV files described in `app/content/README.md`. Raises: ConfigError."""
    former: dict[str, list[str]] = {}
    for row in _read_rows(former_names, {"code_insee_actuel", "ancien_nom"}):
        former.setdefault(row["code_insee_actuel"], []).append(row["ancien_nom"])
    areas = {"arr", "arrondissement", "epci_siren", "epci"}
    if not (rows := _read_rows(communes, {"code_insee", "nom", "codes_postaux", *areas})):
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


def _read_rows(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """Return the given columns of a CSV file, with French apostrophes; no cell may be without a letter."""
    with file_errors(str(path), "a CSV file in UTF-8"), path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if missing := columns - set(reader.fieldnames or ()):
            raise ConfigError(f"{path}, line 1: there is no column {min(missing)}.")
        rows = []
        for row in reader:
            if empty := [name for name in columns if not fold(row[name] or "")]:
                raise ConfigError(f"{path}, line {reader.line_num}: {min(empty)} is empty.")
            rows.append({name: row[name].replace("'", "’") for name in columns})
    return rows
