"""From picture files to captions."""
