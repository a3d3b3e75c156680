"""What to publish for a segment next: what its people talk about, like, dislike and ask."""
