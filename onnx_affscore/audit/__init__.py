"""A signature held against a policy and a baseline: rules, findings, suppressions."""
