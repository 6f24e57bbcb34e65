"""What the organisation does: plain async functions on plain data.

Nothing here knows a page, an endpoint or a payload of Meta's.
"""
