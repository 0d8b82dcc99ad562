//! The conformance suite against a real Kafka, each test in topics of its own.

use rand::RngExt as _;

use super::*;

struct Nodes(Settings);

impl Nodes {
    fn new() -> Option<Self> {
        let servers = service("MADANG_TEST_KAFKA")?;
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

/// Where an outside service is, as the environment says. Without it a test is skipped, and says so; where all services are
/// required, it fails.
fn service(variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok();
    if address.is_none() {
        let required = std::env::var("REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "{variable} is not set: `cargo xtask services up` says what to set it to"
        );
        eprintln!("SKIPPED: {variable} is not set");
    }
    address
}
