"""Text in, insight out: normalising, tokenizing, the inference engines, the heads, keywords, the
analyzer.

Never imports torch at run time; may import ``data`` only.
"""
