"""The LEAK rules: what no stack may ever have, as pure functions, and the pack that Pulumi runs with them."""
