"""Paraphe: sign a charter commitment by commitment, and get a certificate anyone can check."""
