"""The command ``tingfeng``.

Modules import what they need inside the commands, so that help answers at once.
"""
