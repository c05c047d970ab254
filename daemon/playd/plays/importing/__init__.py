"""From older spellings of the 3.0 format to Plays that load (play-language 15.2), with every change reported."""
