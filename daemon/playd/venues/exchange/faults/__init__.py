"""
Misbehaviour on command: faults as data, matched against what happens, and what each does.

    model      what a fault is, and what can happen
    kinds      every kind with its parameters
    script     YAML or JSON into faults
    matcher    which faults hit an event: pure, the same for the same events
    board      the faults of one exchange: arm, match, heal
    on_*       effects, a file for each family
"""
