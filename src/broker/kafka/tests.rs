//! The conformance suite against a real Kafka, each test in topics of its own.

use rand::RngExt as _;

use super::*;

struct Nodes(Settings);

impl Nodes {
    fn new() -> Option<Self> {
        let servers = crate::broker::conformance::service("MADANG_TEST_KAFKA")?;
        Some(Self(Settings {
            servers,
            prefix: format!("test-{:016x}", rand::rng().random::<u64>()),
            partitions: 3,
            replication: 1,
            options: BTreeMap::new(),
        }))
    }
}

impl crate::broker::conformance::Home for Nodes {
    async fn join(&self) -> Broker {
        broker(self.0.clone(), NodeId::from_u128(rand::rng().random())).expect("settings that work")
    }
}

crate::broker::conformance::broker_conformance!(Nodes::new());
