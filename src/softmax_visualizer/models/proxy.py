"""The way to a server: straight, or through a proxy that the environment names."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address, in any spelling, means the machine that the program runs on."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and (address.is_loopback or address.is_unspecified)


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy through which requests to ``url`` go; None where they go straight.

    This machine is never asked through a proxy: what answers at 127.0.0.1 of a proxy is another server, and
    the key for this one would go there. Otherwise ``http_proxy``, ``https_proxy`` and ``all_proxy`` decide,
    in either case of letters, with the exceptions in ``no_proxy``: names with all that ends in them,
    addresses, networks such as 10.0.0.0/8, and ``*``; a name may have a port.
    """
    # half of the time that reading the configuration takes would go into this import
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_this_machine(host):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if proxy_bypass(host) or any(_is_in(host, port, entry) for entry in proxies.get("no", "").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_in(host: str, port: int, entry: str) -> bool:
    """Whether an entry of ``no_proxy`` means a host and port."""
    entry = entry.strip().lower().rpartition("://")[2]
    if entry == "*":
        return True
    with suppress(ValueError):
        network, address = ipaddress.ip_network(entry.strip("[]"), strict=False), _address(host)
        return address is not None and address in network
    try:
        parts = urlsplit(f"//{entry}")
        name = (parts.hostname or "").removeprefix("*").removeprefix(".")
        if not name or parts.port not in (None, port):
            return False
    except ValueError:
        return False
    return host == name or host.endswith(f".{name}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    with suppress(OSError, ValueError):
        # 127.1, 0x7f000001 and the like, as the system's own resolver reads them
        return ipaddress.IPv4Address(socket.inet_aton(host))
    return None
