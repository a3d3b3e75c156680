"""Measurements, a command each; peers are measured in the same run. Nothing here is imported by the
product.
"""
