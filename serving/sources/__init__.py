"""Clients that fetch dumps from a platform's own API, one page at a time, and go on after a kill.

What they write is read back by ``data.readers``; nothing here scores or stores.
"""
