"""
EngineInstances under supervision: start, crash, back-off, quarantine, stop, and the state each one keeps.

May import `core`, `plays`, `engine`, `market`, `venues`, `orders`, `settings` and `world`. An instance itself touches no
socket, no file and no clock: it receives bars and fills and hands out intents.
"""
