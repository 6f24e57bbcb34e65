"""WhatsApp's side, played by us: webhook bodies as Meta writes them, signed and posted over HTTP.

`bodies` builds deliveries and everything in them (its parts are in `messages` and `wire`); tests
use it as their factory. `sender` posts a delivery and tries again as Meta does. `script` reads the
conversations told in `demo_conversations/`, and `demo` turns them into deliveries of the last
weeks.
"""
