"""Words: what is a word, which words are the same, and what a person typed."""
