//! A way to Redis that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes on what comes, until it is cut or dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    is_cut: Arc<watch::Sender<bool>>,
    /// How many connections there are.
    open: Arc<watch::Sender<usize>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Must be called within a runtime.
    pub(super) fn to(target: String) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (is_cut, open) = (
            Arc::new(watch::Sender::new(false)),
            Arc::new(watch::Sender::new(0)),
        );
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&is_cut), Arc::clone(&open)));
        Self {
            address,
            is_cut,
            open,
            accepting,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections and takes no new ones, or takes them again.
    pub(super) async fn set_cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
        if is_cut {
            let mut open = self.open.subscribe();
            open.wait_for(|open| *open == 0).await.unwrap();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    is_cut: Arc<watch::Sender<bool>>,
    open: Arc<watch::Sender<usize>>,
) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        if *is_cut.borrow() {
            continue;
        }
        open.send_modify(|open| *open += 1);
        let (target, open) = (target.clone(), Arc::clone(&open));
        let mut is_cut = is_cut.subscribe();
        tokio::spawn(async move {
            let passing = async {
                let mut far = TcpStream::connect(target).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            };
            tokio::select! {
                biased;
                _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                _ = passing => {}
            }
            drop(near);
            open.send_modify(|open| *open -= 1);
        });
    }
}
