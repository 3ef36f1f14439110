"""VPC flow logs: every connection that was tried, kept in the log bucket."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import ec2

from infra.label import Label


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowLogsArgs:
    """Which network is logged, and to which bucket (an ARN)."""

    label: Label
    vpc_id: Input[str]
    bucket_arn: Input[str]


class FlowLogs(pulumi.ComponentResource):
    """Accepted and rejected connections, as text that `fw-parse` of the catalogue reads."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:flow_logs:FlowLogs", name, None, opts)
        ec2.FlowLog(
            f"{name}-all",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=args.bucket_arn,  # AWS writes below AWSLogs/<account>/vpcflowlogs/
            max_aggregation_interval=600,  # seconds; a tenth of it makes ten times the objects
            tags=args.label.tags("flow-logs"),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})
