"""Log lines as firewalls write them, and as nobody does: a record or an error in words, never a crash."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.fw_parse.lines import parse_line
from nomad_jobs.apps.fw_parse.server import parse_log

UFW = (
    "Nov 21 09:23:01 gate kernel: [12345.678901] [UFW BLOCK] IN=eth0 OUT= MAC=00:11:22:33:44:55:66:77:88:99:aa:bb:08:00"
    " SRC=203.0.113.7 DST=10.0.0.5 LEN=60 TOS=0x00 PREC=0x00 TTL=51 ID=3171 DF PROTO=TCP SPT=51234 DPT=22 WINDOW=64240 "
    "RES=0x00 SYN URGP=0"
)
NFT6 = (
    "2026-11-21T09:23:01+00:00 gate kernel: nft-drop: IN=wg0 OUT=eth1 SRC=2001:0db8:0000:0000:0000:0000:0000:0001 "
    "DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=UDP SPT=53 DPT=5353 LEN=40"
)
ICMP = (
    "IN=eth0 OUT= SRC=192.0.2.1 DST=10.0.0.5 LEN=88 TTL=60 PROTO=ICMP TYPE=3 CODE=1 "
    "[SRC=10.0.0.5 DST=192.0.2.9 LEN=60 PROTO=TCP SPT=1 DPT=2 ]"
)
FLOW = "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"
NO_DATA = "2 123456789010 eni-1235b8ca - - - - - - - 1431280876 1431280934 - NODATA"


def test_a_ufw_line_is_read_whole() -> None:
    assert parse_line(UFW) == {
        "format": "netfilter",
        "time": "Nov 21 09:23:01",
        "host": "gate",
        "prefix": "[UFW BLOCK]",
        "action": "DROP",
        "in": "eth0",
        "out": None,
        "src": "203.0.113.7",
        "dst": "10.0.0.5",
        "protocol": "TCP",
        "src_port": 51234,
        "dst_port": 22,
        "length": 60,
        "ttl": 51,
        "mac": "00:11:22:33:44:55:66:77:88:99:aa:bb:08:00",
        "flags": ["DF", "SYN"],
    }


def test_an_nftables_line_over_ipv6_is_read_with_its_first_length() -> None:
    record = parse_line(NFT6)
    assert (record["src"], record["dst"], record["ttl"], record["length"]) == ("2001:db8::1", "2001:db8::2", 63, 80)
    assert (record["time"], record["prefix"], record["action"]) == ("2026-11-21T09:23:01+00:00", "nft-drop:", "DROP")


def test_the_packet_an_icmp_error_quotes_is_not_the_packet() -> None:
    record = parse_line(ICMP)
    assert (record["src"], record["protocol"], record["src_port"]) == ("192.0.2.1", "ICMP", None)


def test_a_prefix_without_a_space_is_still_a_prefix() -> None:
    assert parse_line("REJECT-INPUT:IN=eth0 OUT= SRC=1.2.3.4 DST=1.2.3.5 PROTO=2")["action"] == "REJECT"


def test_a_flow_log_line_is_read_whole() -> None:
    assert parse_line(FLOW) == {
        "format": "vpc-flow-v2",
        "account": "123456789010",
        "interface": "eni-1235b8ca",
        "status": "OK",
        "action": "REJECT",
        "src": "172.31.9.69",
        "dst": "172.31.9.12",
        "protocol": "TCP",
        "src_port": 49761,
        "dst_port": 3389,
        "packets": 20,
        "bytes": 4249,
        "start": "2014-12-14T04:06:50+00:00",
        "end": "2014-12-14T04:07:50+00:00",
    }


def test_a_window_without_data_has_no_addresses() -> None:
    record = parse_line(NO_DATA)
    assert (record["status"], record["src"], record["action"], record["end"]) == (
        "NODATA",
        None,
        None,
        "2015-05-10T18:02:14+00:00",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", "neither a netfilter LOG line nor a VPC flow log line of version 2"),
        (UFW.replace("203.0.113.7", "300.1.1.1"), "SRC is not an address"),
        (UFW.replace("DPT=22", "DPT=99999"), "DPT is not a port"),
        (UFW.replace("TTL=51", "TTL=x"), "TTL is not a number"),
        (FLOW.replace(" OK", ""), "has 14 fields, this one 13"),
        (FLOW.replace("OK", "FINE"), "log-status is none of"),
        (FLOW.replace("REJECT", "MAYBE"), "action is neither"),
        (FLOW.replace("172.31.9.69", "host"), "srcaddr is not an address"),
        (FLOW.replace("1418530010", "9" * 18), "start is not a time"),
        (FLOW.replace("4249", "9" * 5000), "bytes is not a number"),
        ("x" * 9000, "longer than 8192 characters"),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_line(line)


pieces = st.sampled_from(
    [
        "IN=",
        "OUT=",
        "SRC=1.2.3.4",
        "DST=::1",
        "SRC=",
        "PROTO=TCP",
        "SPT=1",
        "DPT=",
        "TTL=²",
        "[",
        "]",
        " ",
        "2",
        "-",
        "OK",
    ]
)
noise = st.text() | st.lists(pieces | st.text(max_size=4), max_size=16).map(" ".join)
fields = st.lists(st.sampled_from([*FLOW.split(), "-", "٣", "x", "9" * 30]), min_size=13, max_size=15)
lines = noise | fields.map(lambda rest: " ".join(["2", *rest]))


@given(st.lists(lines, max_size=5).map("\n".join))
def test_any_log_gives_a_record_or_an_error_for_each_line_and_is_json(log: str) -> None:
    result = parse_log(log)
    numbers = [entry["line"] for entries in result.values() for entry in entries]
    assert len(numbers) == len(set(numbers)) <= log.count("\n") + 1
    json.dumps(result)


def test_blank_lines_and_column_headers_are_passed_over_and_lines_keep_their_numbers() -> None:
    header = "version account-id interface-id srcaddr dstaddr"
    result = parse_log(f"{header}\r\n\r\n{FLOW}\r\nhello\r\n")
    assert [record["line"] for record in result["records"]] == [3]
    assert [error["line"] for error in result["errors"]] == [4]
