"""The public load balancer in front of NGINX, the domain's records, and its certificate."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import acm, autoscaling, lb, route53

from infra.label import Label
from nomad_jobs.limits import LONGEST_STREAM_S

_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.2 and 1.3, with forward secrecy alone: AWS's recommendation for network load balancers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngressArgs:
    """Where NGINX is, and the domain that leads to it."""

    label: Label
    vpc_id: Input[str]
    subnet_ids: list[Input[str]]
    """The public ones."""
    group_name: Input[str]
    """Auto scaling group of the ingress pool."""
    domain: str
    hosted_zone_id: str | None
    """None: records are left to whoever runs the domain's DNS, and NGINX's own certificate is served."""
    ipv6: bool
    protect: bool
    """Whether the load balancer refuses to be deleted."""


class Ingress(pulumi.ComponentResource):
    """The load balancer. It preserves callers' addresses, which NGINX and the security groups need."""

    address: Output[str]
    """The load balancer's DNS name."""
    certificate_arn: Output[str] | None

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:ingress:Ingress", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        balancer = self._balancer()
        self.address = balancer.dns_name
        self.certificate_arn = self._certificate(args.hosted_zone_id) if args.hosted_zone_id else None
        self._listen(balancer, "http", 80, None)
        self._listen(balancer, "https", 443, self.certificate_arn)
        if args.hosted_zone_id:
            self._records(balancer, args.hosted_zone_id)
        self.register_outputs({"address": self.address})

    def _balancer(self) -> lb.LoadBalancer:
        return lb.LoadBalancer(
            f"{self._name}-balancer",
            name=self._args.label.name("in"),
            load_balancer_type="network",
            internal=False,
            ip_address_type="dualstack" if self._args.ipv6 else "ipv4",
            subnets=self._args.subnet_ids,
            # A zone without an ingress node still answers, through the other zones' nodes.
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=self._args.protect,
            tags=self._args.label.tags("ingress"),
            opts=self._child,
        )

    def _listen(self, balancer: lb.LoadBalancer, what: str, port: int, certificate: Output[str] | None) -> None:
        """Forward a port to NGINX; with a certificate, the load balancer ends TLS and encrypts anew towards NGINX."""
        protocol = "TLS" if certificate is not None else "TCP"
        target = lb.TargetGroup(
            f"{self._name}-{what}",
            name=self._args.label.name(what),
            vpc_id=self._args.vpc_id,
            target_type="instance",
            port=port,
            protocol=protocol,
            preserve_client_ip="true",
            deregistration_delay=LONGEST_STREAM_S,  # a connection may last as long as the longest answer
            connection_termination=False,
            health_check={"protocol": "TCP", "port": str(port), "interval": 10, "healthy_threshold": 2},
            tags=self._args.label.tags(f"ingress-{what}"),
            opts=self._child,
        )
        autoscaling.Attachment(
            f"{self._name}-{what}-nodes",
            autoscaling_group_name=self._args.group_name,
            lb_target_group_arn=target.arn,
            opts=self._child,
        )
        lb.Listener(
            f"{self._name}-{what}-listener",
            load_balancer_arn=balancer.arn,
            port=port,
            protocol=protocol,
            certificate_arn=certificate,
            ssl_policy=_TLS_POLICY if certificate is not None else None,
            default_actions=[{"type": "forward", "target_group_arn": target.arn}],
            tags=self._args.label.tags(f"ingress-{what}"),
            opts=self._child,
        )

    def _certificate(self, zone: str) -> Output[str]:
        """Request a certificate for the domain and all names in it; AWS renews it, and its key never leaves AWS."""
        asked = acm.Certificate(
            f"{self._name}-certificate",
            domain_name=self._args.domain,
            subject_alternative_names=[f"*.{self._args.domain}"],
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=self._args.label.tags("certificate"),
            opts=self._child,
        )
        # One record proves both names: AWS requires the same one for each.
        proof = asked.domain_validation_options[0]
        record = route53.Record(
            f"{self._name}-certificate-proof",
            zone_id=zone,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
            opts=self._child,
        )
        return acm.CertificateValidation(
            f"{self._name}-certificate-proven",
            certificate_arn=asked.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self._child,
        ).certificate_arn

    def _records(self, balancer: lb.LoadBalancer, zone: str) -> None:
        """Point the domain and every name in it to the load balancer."""
        target: route53.RecordAliasArgsDict = {
            "name": balancer.dns_name,
            "zone_id": balancer.zone_id,
            "evaluate_target_health": True,
        }
        for kind in ("A", "AAAA") if self._args.ipv6 else ("A",):
            for what, name in (("domain", self._args.domain), ("all", f"*.{self._args.domain}")):
                route53.Record(
                    f"{self._name}-{what}-{kind.lower()}",
                    zone_id=zone,
                    name=name,
                    type=kind,
                    aliases=[target],
                    opts=self._child,
                )
