"""The dashboard: pages for content and PR teams, rendered here, read from store and alert journal.

A resource is a module with ``router``; ``serving.api.app`` includes ``routers.PAGES``.
"""
