"""Audiences: whom a condition chooses, counted, split, compared and handed to ad platforms."""
