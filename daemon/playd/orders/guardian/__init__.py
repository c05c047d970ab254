"""
The guardian: what a second, small process needs to keep positions protected when the daemon cannot.

The daemon writes the plan (`planning`, `plan_file`), the guardian compares it with what the venue says (`judge`) and acts
(`watch`, `closing`). It never opens, adds or loosens. Nothing here imports the ledger except `planning`, which only the
daemon loads.
"""
