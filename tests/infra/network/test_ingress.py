from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.label import Label
from infra.network.ingress import Ingress, IngressArgs
from tests.support.graph import Graph, record

ARGS = IngressArgs(
    label=Label("s" * 20),
    vpc_id="vpc-1",
    subnet_ids=["public-a", "public-b"],
    group_name="berth-prod-pool-ingress",
    domain="example.com",
    hosted_zone_id="Z1",
    ipv6=False,
    protect=True,
)
NAME_MAX = 32


def ingress(**changes: Any) -> Graph:
    def program() -> None:
        made = Ingress("ingress", replace(ARGS, **changes))
        pulumi.export("address", made.address)

    return record(program, stack="prod")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return ingress()


def test_callers_addresses_are_kept(graph: Graph) -> None:
    for target in graph.of("TargetGroup"):
        assert (target.inputs["preserveClientIp"], target.inputs["targetType"]) == ("true", "instance")


def test_both_of_nginxs_ports_lead_to_the_ingress_pool(graph: Graph) -> None:
    ports = {node.inputs["port"] for node in graph.of("Listener")}
    assert ports == {node.inputs["port"] for node in graph.of("TargetGroup")} == {80, 443}
    for attachment in graph.of("Attachment"):
        assert attachment.inputs["autoscalingGroupName"] == "berth-prod-pool-ingress"
    assert graph["ingress-balancer"].inputs["subnets"] == ["public-a", "public-b"]


def test_streams_may_end_before_their_node_goes(graph: Graph) -> None:
    for target in graph.of("TargetGroup"):
        assert target.inputs["deregistrationDelay"] == 300
        assert target.inputs["connectionTermination"] is False


def test_tls_ends_at_the_balancer_and_begins_anew(graph: Graph) -> None:
    listener, target = graph["ingress-https-listener"].inputs, graph["ingress-https"].inputs
    assert (listener["protocol"], target["protocol"]) == ("TLS", "TLS")
    assert "TLS13" in listener["sslPolicy"]
    assert graph["ingress-certificate-proven"].urn in graph["ingress-https-listener"].dependencies
    assert graph["ingress-http-listener"].inputs["protocol"] == "TCP"


def test_the_certificate_is_for_the_domain_and_every_name_in_it(graph: Graph) -> None:
    certificate = graph["ingress-certificate"].inputs
    assert (certificate["domainName"], certificate["subjectAlternativeNames"]) == ("example.com", ["*.example.com"])
    assert certificate["validationMethod"] == "DNS"


def test_the_domain_and_every_name_in_it_lead_to_the_balancer(graph: Graph) -> None:
    aliases = {node.inputs["name"]: node for node in graph.of("Record") if "aliases" in node.inputs}
    assert set(aliases) == {"example.com", "*.example.com"}
    for node in aliases.values():
        (alias,) = node.inputs["aliases"]
        assert alias["name"] == graph.outputs["address"]
        assert node.inputs["type"] == "A"


def test_with_ipv6_the_balancer_has_both_kinds_of_address() -> None:
    graph = ingress(ipv6=True)
    assert graph["ingress-balancer"].inputs["ipAddressType"] == "dualstack"
    kinds = sorted(node.inputs["type"] for node in graph.of("Record") if "aliases" in node.inputs)
    assert kinds == ["A", "A", "AAAA", "AAAA"]


def test_without_a_zone_of_ours_nginx_serves_its_own_certificate() -> None:
    graph = ingress(hosted_zone_id=None)
    assert not graph.of("Record")
    assert not graph.of("Certificate")
    listener = graph["ingress-https-listener"].inputs
    assert (listener["protocol"], listener.get("certificateArn"), listener.get("sslPolicy")) == ("TCP", None, None)


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_balancer_is_not_deleted(protect: bool) -> None:
    assert ingress(protect=protect)["ingress-balancer"].inputs["enableDeletionProtection"] is protect


def test_names_fit_for_the_longest_stack(graph: Graph) -> None:
    for node in [*graph.of("LoadBalancer"), *graph.of("TargetGroup")]:
        assert len(node.inputs["name"]) <= NAME_MAX
