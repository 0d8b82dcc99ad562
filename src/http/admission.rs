//! Who may open one more connection: a limit for all together, and one for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections that are open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    /// `None` for no limit.
    max_per_address: Option<usize>,
    /// Proxies: everybody's connections come from them.
    exempt: Vec<IpAddr>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that is counted, until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Admission,
    /// Where it counts, if it is counted by its address.
    address: Option<IpAddr>,
}

/// Why there is no place for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The server has as many as it may.
    Everything,
    /// This address has as many as it may.
    Address,
}

impl Admission {
    /// `max_per_address` of 0 is no limit.
    pub(super) fn new(max: usize, max_per_address: usize, exempt: &[IpAddr]) -> Self {
        Self(Arc::new(Inner {
            max,
            max_per_address: (max_per_address > 0).then_some(max_per_address),
            exempt: exempt.iter().map(IpAddr::to_canonical).collect(),
            open: Mutex::default(),
        }))
    }

    /// Counts one more connection, if it may be.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Admitted, Full> {
        let address = address.to_canonical();
        let limit = self
            .0
            .max_per_address
            .filter(|_| !self.0.exempt.contains(&address))
            .map(|limit| (network(address), limit));
        let mut open = self.open();
        if open.all >= self.0.max {
            return Err(Full::Everything);
        }
        if let Some((network, limit)) = limit {
            let count = open.by_address.entry(network).or_default();
            if *count >= limit {
                return Err(Full::Address);
            }
            *count += 1;
        }
        open.all += 1;
        Ok(Admitted {
            admission: self.clone(),
            address: limit.map(|(network, _)| network),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(count) = open.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// What counts as one address: with IPv6 everybody has at least a network of 2^64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_limit_and_all_have_one() {
        let admission = Admission::new(5, 2, &[address("10.0.0.1")]);
        let held: Vec<_> = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2"]
            .map(|from| admission.admit(address(from)).unwrap())
            .into();
        assert_eq!(
            admission.admit(address("192.0.2.1")).unwrap_err(),
            Full::Address,
            "however it is written"
        );
        assert_eq!(
            admission.admit(address("2001:db8::3")).unwrap_err(),
            Full::Address,
            "one network"
        );
        let other = admission.admit(address("2001:db8:0:1::1")).unwrap();
        assert_eq!(
            admission.admit(address("198.51.100.1")).unwrap_err(),
            Full::Everything
        );
        drop(other);
        drop(held);
        assert!(admission.open().by_address.is_empty(), "nothing is kept");
        let proxied: Vec<_> = (0..5)
            .map(|_| admission.admit(address("10.0.0.1")).unwrap())
            .collect();
        assert_eq!(
            admission.admit(address("10.0.0.1")).unwrap_err(),
            Full::Everything
        );
        drop(proxied);
        let unlimited = Admission::new(5, 0, &[]);
        let held: Vec<_> = (0..5).map(|_| unlimited.admit(address("::1")).unwrap()).collect();
        assert_eq!(held.len(), 5);
    }
}
