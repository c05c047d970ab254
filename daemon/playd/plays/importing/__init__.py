"""From older spellings of the 3.0 format to Plays that load, with every change reported."""
