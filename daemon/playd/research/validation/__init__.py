"""
`playd validate`: what this installation can prove about itself without a network. One file per check;
`tiers` says which run when.
"""
