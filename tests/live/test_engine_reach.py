"""Where a packet goes in a stack that was made: asked of the account with boto3, for each subnet and group."""

from itertools import product

import pytest

from infra.network.endpoints import INTERFACES
from infra.network.firewall_plan import ENDPOINTS, HTTPS
from infra.network.ports import MACHINE_KINDS, TABLE, MachineKind
from infra.network.subnets import Nat
from tests.support.engine_stacks import Built
from tests.support.packets import NOWHERE, Account, tag_of

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

SOMEWHERE = "198.51.100.7"
"""An address of the internet (RFC 5737)."""
NEVER = (22, 2375, 3389, 5432, 6379, 8300 - 1, 8502, 65535)
"""Ports that no row of the table names."""


@pytest.fixture
def account(engine_stack: Built) -> Account:
    return Account.look(engine_stack.aws("ec2"), engine_stack.stack)


@pytest.fixture
def nat(engine_stack: Built) -> Nat:
    return engine_stack.config.nat


def allowed(caller: MachineKind, listener: MachineKind, port: int, protocol: str) -> bool:
    """What the port table says."""
    return any(
        listener in row.listeners
        and caller in row.allowed_from
        and row.first <= port <= row.last
        and protocol in row.protocols
        for row in TABLE
    )


def ports() -> list[int]:
    """Ports at each edge of the table's ranges, ports beside them, and ports that no row names."""
    edges = {edge for row in TABLE for edge in (row.first, row.last)}
    return sorted({*edges, *(edge - 1 for edge in edges), *(edge + 1 for edge in edges), *NEVER})


def test_machines_reach_each_other_at_the_tables_ports_and_no_others(account: Account) -> None:
    wrong = [
        f"{caller} to {listener} at {port}/{protocol}"
        for caller, listener in product(MACHINE_KINDS, MACHINE_KINDS)
        for port, protocol in product(ports(), ("tcp", "udp"))
        if account.passes(account.group(caller), account.group(listener), port, protocol)
        != allowed(caller, listener, port, protocol)
    ]
    assert wrong == []


def test_the_world_enters_at_nginx_and_nowhere_else(account: Account) -> None:
    entered = {account.group(kind): account.world_enters(account.group(kind)) for kind in MACHINE_KINDS}
    assert entered.pop(account.group(MachineKind.INGRESS)) == {("tcp", 80, 80), ("tcp", 443, 443)}
    assert set().union(*entered.values()) == set()
    others = set(account.groups) - {account.group(kind) for kind in MACHINE_KINDS}
    assert all(account.world_enters(group) == set() for group in others)


def test_only_the_public_tier_leads_to_the_internet(account: Account) -> None:
    assert {account.way(subnet, SOMEWHERE).kind for subnet in account.tier("public")} == {"internet"}
    assert {account.way(subnet, SOMEWHERE) for subnet in account.tier("isolated")} == {NOWHERE}


def test_private_subnets_go_through_a_nat_gateway_that_itself_gets_out(account: Account, nat: Nat) -> None:
    ways = {subnet: account.way(subnet, SOMEWHERE) for subnet in account.tier("private")}
    assert {way.kind for way in ways.values()} == ({"nowhere"} if nat is Nat.NONE else {"nat"})
    used = {way.target for way in ways.values()}
    assert used == set(account.nats)


def test_every_subnet_reaches_s3_without_the_internet(account: Account) -> None:
    assert {account.way_to_s3(subnet).kind for subnet in account.subnets} == {"s3"}
    lists = [
        one
        for group in account.groups.values()
        for rule in group["IpPermissionsEgress"]
        for one in rule.get("PrefixListIds", ())
    ]
    assert len({one["PrefixListId"] for one in lists}) == 1


def test_every_service_that_booting_needs_answers_inside_the_network(engine_stack: Built, account: Account) -> None:
    wanted = engine_stack.config.interface_endpoints
    assert set(wanted) <= set(INTERFACES)
    group = account.group(ENDPOINTS.group)
    for service in wanted:
        interface = account.interface(service)
        assert interface, service
        assert {account.subnets[one]["AvailabilityZone"] for one in interface["SubnetIds"]} == {
            one["AvailabilityZone"] for one in account.subnets.values()
        }
        assert [one["GroupId"] for one in interface["Groups"]] == [group]
    assert all(account.passes(account.group(kind), group, HTTPS) for kind in MACHINE_KINDS)
    assert not any(account.passes(group, account.group(kind), port) for kind in MACHINE_KINDS for port in ports())


def test_servers_call_nobody_outside(account: Account) -> None:
    assert not any(account.leaves(account.group(MachineKind.SERVER), port) for port in range(1, 65536))


def test_subnets_and_machines_have_no_public_address_but_at_the_ingress(engine_stack: Built, account: Account) -> None:
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in account.subnets.values())
    public = set(account.tier("public"))
    for reservation in engine_stack.aws("ec2").describe_instances()["Reservations"]:
        for machine in reservation["Instances"]:
            if machine["State"]["Name"] == "running":
                is_ingress = "ingress" in tag_of(machine, "berth:part")
                assert (machine["SubnetId"] in public) == is_ingress, machine["Tags"]


def test_the_default_group_and_the_main_table_lead_nowhere(account: Account) -> None:
    default = next(one for one in account.groups.values() if one["GroupName"] == "default")
    assert (default["IpPermissions"], default["IpPermissionsEgress"]) == ([], [])
    followed = {account.table_of(subnet)["RouteTableId"] for subnet in account.subnets}
    main = {one["RouteTableId"] for one in account.tables if any(tie.get("Main") for tie in one["Associations"])}
    assert followed.isdisjoint(main)
