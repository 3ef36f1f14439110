"""A `pulumi-resource-aws` for tests: the engine's gRPC calls become boto3 calls on a moto server, one table row a type.

What it proves: the real engine accepts the program, its order, its changes and its destruction. What it cannot: what
AWS itself refuses and moto does not. What moto lacks is kept in Pulumi's state only and written to the account of
the run (`BERTH_AWS_ACCOUNT`), which the tests print.
"""
