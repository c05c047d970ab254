"""
A second, slow reading of the Play language, written against its text and never against playd's code.

It shares nothing with playd: own indicators, own logic, own matching, plain Python. Where both agree on thousands of trades,
either both are right or both misread the text in the same way.
"""
