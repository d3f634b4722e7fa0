"""Hits as pictures: in notebooks, in terminals, on sheets."""
