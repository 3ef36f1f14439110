"""The LEAK rules, L1 to L8: what no stack may ever have, as pure functions, and the policy pack that Pulumi runs."""
