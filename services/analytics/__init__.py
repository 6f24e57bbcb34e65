"""What the organisation needs to know to run: who comes, who waits, how fast it answers.

`counting` keeps the numbers as things happen; `summary` reads them for a period and the one before,
one module a family of numbers; `tables` shapes them for files; `suppression` hides what is too
small to be shown to strangers. No number needs a look at more than a few thousand rows, however
many messages there are.
"""
