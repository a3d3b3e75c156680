"""The shipped models, one folder each: ``model.onnx``, ``tokenizer.json``, ``config.json`` and
``CARD.md``.
"""
