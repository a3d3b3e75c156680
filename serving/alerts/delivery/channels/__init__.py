"""One module per kind of channel: how a notice looks there, how it is signed, what answers mean."""
