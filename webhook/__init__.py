"""Meta's side of the house: what WhatsApp asks of us, what it delivers and what that says."""
