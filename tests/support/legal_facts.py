"""Facts of the legal pages, as an operator gives them."""

GIVEN = {
    "PUBLISHER": "Association Exemple, 1 rue de l’Exemple, 24000 Périgueux",
    "PUBLICATION_DIRECTOR": "Camille Exemple",
    "HOST": "Hébergeur Exemple, 2 rue de l’Exemple, 75001 Paris",
    "PRIVACY_CONTACT": "donnees@example.org",
    "ACCESS_LOG_DAYS": 14,
}
