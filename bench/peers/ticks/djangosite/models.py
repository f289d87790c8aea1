"""Drafts and the commitments taken."""

from django.db import models
from django.utils import timezone


class Signature(models.Model):
    """A draft."""

    code = models.CharField(max_length=20, unique=True)
    created_at = models.DateTimeField(default=timezone.now)


class Pledge(models.Model):
    """A commitment taken."""

    signature = models.ForeignKey(Signature, on_delete=models.CASCADE, related_name="pledges")
    number = models.IntegerField()
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["signature", "number"], name="once"),)
