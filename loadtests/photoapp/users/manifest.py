"""The description of the data that a seeded stack holds."""

from __future__ import annotations

from msgspec import Struct


class Account(Struct, frozen=True):
    """A seeded user who is logged in."""

    id: str
    token: str


class Manifest(Struct, frozen=True):
    """Seeded data: logged-in users, photo ids by descending popularity, paths of JPEGs to upload."""

    seed: int
    users: list[Account]
    photos: list[str]
    jpegs: list[str]
