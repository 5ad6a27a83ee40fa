//! The doors and exits: ingress, egress, agent, reverse log proxy, gateway, authorisation, self-metrics.
