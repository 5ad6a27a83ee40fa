//! Settings of a cluster.

use std::collections::BTreeSet;

use logweir_net::resolve::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::QueueConfig;

/// The nodes that share a log cache. Every node has the same list in the same order.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// gRPC addresses of all nodes, `host:port`, this one among them. A source is kept by
    /// the node at a place that is worked out from its id, so new nodes belong at the end of
    /// the list. Empty: this node alone. Changes on reload.
    pub nodes: Vec<String>,
    /// The place of this node in the list, from 0. Changes on reload.
    pub index: usize,
    /// Name that the certificates of nodes must carry.
    pub server_name: String,
    /// Bounds of what waits for each of the others.
    pub queue: QueueConfig,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            index: 0,
            server_name: SERVER_NAME.into(),
            queue: QueueConfig::default(),
        }
    }
}

/// Name in the certificates of the peers' nodes.
pub const SERVER_NAME: &str = "log-cache";

impl ClusterConfig {
    /// What of it can change.
    pub fn list(&self) -> ClusterNodes {
        ClusterNodes {
            nodes: self.nodes.clone(),
            index: self.index,
        }
    }
}

/// A list of nodes, and which of them this one is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterNodes {
    /// Addresses, in order.
    pub nodes: Vec<String>,
    /// This node's place.
    pub index: usize,
}

impl ClusterNodes {
    /// Whether there is no list: this node alone.
    pub fn is_alone(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Reads the addresses.
    ///
    /// # Errors
    /// What is wrong with the list, naming the key.
    pub fn targets(&self) -> Result<Vec<Target>, String> {
        let Self { nodes, index } = self;
        let count = nodes.len();
        if *index >= count {
            return Err(format!(
                "log_cache.cluster.index is {index}, and log_cache.cluster.nodes has {count} \
                 entries: it is the place of this node in the list, from 0"
            ));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = nodes.iter().find(|node| !seen.insert(*node)) {
            return Err(format!("log_cache.cluster.nodes names {twice} twice"));
        }
        let target = |name: &String| {
            name.parse::<Target>()
                .map_err(|error| format!("log_cache.cluster.nodes: {error}"))
        };
        nodes.iter().map(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_must_hold_this_node_and_none_twice() {
        let list = |nodes: &[&str], index| ClusterNodes {
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            index,
        };
        assert_eq!(list(&["a:1", "b:1"], 1).targets().unwrap().len(), 2);
        for wrong in [
            list(&[], 0),
            list(&["a:1"], 1),
            list(&["a:1", "a:1"], 0),
            list(&["a"], 0),
        ] {
            let refused = wrong.targets().unwrap_err();
            assert!(refused.contains("log_cache.cluster."), "{refused}");
        }
    }
}
