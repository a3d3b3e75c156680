"""The message: a notice told in Chinese, made safe and short enough for where it goes."""
