"""The register: the public list of confirmed signatures."""
