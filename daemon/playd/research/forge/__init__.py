"""
Random valid Plays that cover the language, made from its own tables: what the catalogs gain tomorrow is forged tomorrow.

`play` puts a file together; `features`, `structures`, `comparisons`, `expressions`, `rules`, `money` write its parts; `draw`
chooses.
"""
