"""Delivery: renders notices for each channel and brings them there at least once.

``Notifier`` is the way in: ``offer(notice)`` puts it into the outbox, ``deliver_due()`` sends
what is due. ``tingfeng alerts test-channel NAME`` and ``tingfeng alerts deliver`` run it.
"""
