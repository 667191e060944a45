"""The screen once more, slowly: one patient at a time, plain Python, written from the clinical specification.

It shares no code and no figures with the product, so that a mistake has to be made twice to go unseen.
"""
