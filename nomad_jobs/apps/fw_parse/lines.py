"""Parses firewall log lines into records: netfilter's LOG (iptables, nftables, ufw) and VPC flow logs, version 2.

A record is a flat dict for JSON; what a line does not say is None. A line that is neither, or that breaks its own
format, raises ValueError in words.
"""

import ipaddress
import re
from datetime import UTC, datetime

Record = dict[str, object]

_NETFILTER = re.compile(r"IN=(?P<in>\S*) OUT=(?P<out>\S*)(?P<rest>(?: .*)?)$")
# "Nov 21 09:23:01 host kernel: [ 123.456] prefix", or a journal's ISO time; each part may be missing.
_SYSLOG = re.compile(
    r"^(?:(?P<time>[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S+) (?P<host>\S+) )?"
    r"(?:kernel: )?(?:\[ *[\d.]+\] ?)?(?P<prefix>.*)$"
)
_PAIR = re.compile(r"\b([A-Z]+)=(\S*)")
_FLAGS = ("SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR", "DF", "MF")
_VERDICTS = {"ACCEPT": "ACCEPT", "ALLOW": "ACCEPT", "BLOCK": "DROP", "DROP": "DROP", "DENY": "DROP", "REJECT": "REJECT"}
_VERDICT = re.compile("|".join(_VERDICTS), re.IGNORECASE)

_FLOW_FIELDS = 14
_FLOW_STATUS = ("OK", "NODATA", "SKIPDATA")
_FLOW_HEADER = "version account-id interface-id "
# IANA's numbers of the protocols that firewalls see every day; others stay numbers.
_PROTOCOLS = {
    1: "ICMP",
    2: "IGMP",
    6: "TCP",
    17: "UDP",
    41: "IPV6",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPV6",
    132: "SCTP",
}

_LONGEST_LINE = 8192
_MOST_DIGITS = 18
_LAST_PORT = 65535


def is_header(line: str) -> bool:
    """Tell whether the line is the first one of a flow log file on S3, which names the columns."""
    return line.startswith(_FLOW_HEADER)


def parse_line(line: str) -> Record:
    """Parse one line, of either format; raises ValueError that says what is wrong with it."""
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"longer than {_LONGEST_LINE} characters")
    if found := _NETFILTER.search(line):
        return _netfilter(line[: found.start()], found)
    fields = line.split()
    if fields[:1] == ["2"]:
        return _flow(fields)
    raise ValueError("neither a netfilter LOG line nor a VPC flow log line of version 2")


def _netfilter(head: str, found: re.Match[str]) -> Record:
    syslog = _SYSLOG.match(head)
    prefix = (syslog["prefix"] if syslog else head).strip()
    # An ICMP error quotes another packet in brackets; that packet's fields are not this one's.
    rest = found["rest"].partition(" [")[0]
    pairs = dict(reversed(_PAIR.findall(rest)))
    verdict = _VERDICT.search(prefix)
    return {
        "format": "netfilter",
        "time": syslog["time"] if syslog else None,
        "host": syslog["host"] if syslog else None,
        "prefix": prefix or None,
        "action": _VERDICTS[verdict.group().upper()] if verdict else None,
        "in": found["in"] or None,
        "out": found["out"] or None,
        "src": _address(pairs.get("SRC"), "SRC"),
        "dst": _address(pairs.get("DST"), "DST"),
        "protocol": _protocol(pairs.get("PROTO", "")),
        "src_port": _port(pairs.get("SPT"), "SPT"),
        "dst_port": _port(pairs.get("DPT"), "DPT"),
        "length": _number(pairs.get("LEN"), "LEN"),
        "ttl": _number(pairs.get("TTL", pairs.get("HOPLIMIT")), "TTL"),
        "mac": pairs.get("MAC") or None,
        "flags": [word for word in rest.split() if word in _FLAGS],
    }


def _flow(fields: list[str]) -> Record:
    if len(fields) != _FLOW_FIELDS:
        raise ValueError(f"a flow log line of version 2 has {_FLOW_FIELDS} fields, this one {len(fields)}")
    _, account, interface, src, dst, src_port, dst_port, protocol, packets, size, start, end, action, status = fields
    if status not in _FLOW_STATUS:
        raise ValueError(f"log-status is none of {', '.join(_FLOW_STATUS)}")
    if action not in ("ACCEPT", "REJECT", "-"):
        raise ValueError("action is neither ACCEPT nor REJECT")
    empty = status != "OK"
    return {
        "format": "vpc-flow-v2",
        "account": _said(account),
        "interface": _said(interface),
        "status": status,
        "action": _said(action),
        "src": None if empty else _address(src, "srcaddr"),
        "dst": None if empty else _address(dst, "dstaddr"),
        "protocol": None if empty else _protocol(protocol),
        "src_port": None if empty else _port(src_port, "srcport"),
        "dst_port": None if empty else _port(dst_port, "dstport"),
        "packets": None if empty else _number(packets, "packets"),
        "bytes": None if empty else _number(size, "bytes"),
        "start": _time(start, "start"),
        "end": _time(end, "end"),
    }


def _said(text: str) -> str | None:
    return None if text == "-" else text


def _address(text: str | None, name: str) -> str:
    try:
        return str(ipaddress.ip_address(text or ""))
    except ValueError:
        raise ValueError(f"{name} is not an address") from None


def _protocol(text: str) -> str | None:
    name = (
        _PROTOCOLS.get(int(text), text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else text
    )
    return name.upper() or None


def _port(text: str | None, name: str) -> int | None:
    port = _number(text, name)
    if port is not None and port > _LAST_PORT:
        raise ValueError(f"{name} is not a port")
    return port


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ValueError(f"{name} is not a number")
    return int(text)


def _time(text: str, name: str) -> str:
    try:
        return datetime.fromtimestamp(_number(text, name) or 0, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{name} is not a time in Unix seconds") from None
