"""Which proxy stands between, as the environment says: the rules are httpx's, which keeps its own function private."""

import ipaddress
from urllib.request import getproxies

import httpx

__all__ = ["proxy_for"]


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, as `url` needs it, unless NO_PROXY names its host.

    Raises ValueError for a proxy that is none, as httpx does.
    """
    known = getproxies()
    address = known.get(url.scheme) or known.get("all")
    if not address or any(_covers(entry.strip(), url) for entry in known.get("no", "").split(",")):
        return None
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def _covers(entry: str, url: httpx.URL) -> bool:
    """Whether this entry of NO_PROXY means `url`: "*", a name with all below it, an address, or any with a scheme."""
    if entry in {"", "*"}:
        return entry == "*"
    place = httpx.URL(entry if "://" in entry else f"all://{_host(entry)}")
    if place.scheme not in {"all", url.scheme} or place.port not in {None, url.port}:
        return False
    name = place.host.removeprefix("*")
    if not name or name == place.host:
        return name in {"", url.host}
    below = name if name.startswith(".") else f".{name}"
    return url.host == name or url.host.endswith(below)


def _host(entry: str) -> str:
    """A number or "localhost" means itself; of a name, all that ends with it."""
    if entry.lower() == "localhost":
        return entry
    try:
        number = ipaddress.ip_address(entry.partition("/")[0])
    except ValueError:
        return f"*{entry}"
    return f"[{number}]" if number.version == 6 else str(number)
