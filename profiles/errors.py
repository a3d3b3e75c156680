"""The errors of this folder; a message says what was expected, what was found, what to do."""

from __future__ import annotations


class ProfilesError(Exception):
    """Root of every error that ``profiles`` raises on purpose."""


class KeyFileError(ProfilesError):
    """The installation's key cannot be used."""


class StoreError(ProfilesError):
    """The store cannot be opened, or refuses a table."""


class UnsupportedStoreError(StoreError):
    """Only a store in a DuckDB file does what was asked."""


class UnknownPersonError(ProfilesError):
    """No person, or more than one, answers to the id given."""


class UnknownContentError(ProfilesError):
    """No content, or more than one, answers to the id given."""


class IdentityError(ProfilesError):
    """An identifier, a rule of identity, or a split that cannot be used."""
