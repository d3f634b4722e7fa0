"""What is kept: captions, the catalog of files, documents made of them, and the writer."""
