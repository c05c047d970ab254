"""What each drill does. A scenario gets an empty stage and leaves it running, for its ledgers to be judged."""
