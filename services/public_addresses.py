"""Whether a name leads to the internet, and not into a network of our own."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit


async def is_public(url: str) -> bool:
    """Whether every address behind the host of `url` is one of the internet's.

    A name that leads nowhere is not: whoever asks tries again later.
    """
    host = urlsplit(url).hostname
    if not host:
        return False
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_public(str(address[0])) for *_, address in found)


def _is_public(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (inner or ip).is_global and not (inner or ip).is_multicast
