"""Pixels: picture files, their crops, and what files say of themselves."""
