//! A network that fails when told to: a TCP proxy in front of a server.
//!
//! It cuts, refuses, stalls and slows connections down, and counts what went through. One thread listens, two serve each
//! connection; all end when the proxy is dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the listener looks whether it is to end, and one that was told to wait whether it still has to.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    network: Mutex<Network>,
    /// Told when the network changes.
    changed: Condvar,
    ended: AtomicBool,
    accepted: AtomicUsize,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

/// How the network behaves now.
#[derive(Default)]
struct Network {
    refuses: bool,
    stalls: bool,
    delay: Duration,
    /// Chunks that are being passed on at this moment.
    flowing: usize,
    links: Vec<Arc<Link>>,
}

/// One connection through the proxy.
struct Link {
    client: TcpStream,
    server: TcpStream,
    cut: AtomicBool,
    /// Directions that still carry something.
    open: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to the given one.
    pub(crate) fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        let listener = std::thread::spawn(move || listen(&ours, &listener, server_port));
        Self { port, shared, listener: Some(listener) }
    }

    /// For addresses of other roles than [`Proxy::uri`]'s.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's address of a database through the proxy.
    pub(crate) fn uri(&self, dbname: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{dbname}", self.port)
    }

    /// Cuts every connection now. New ones are not touched.
    pub(crate) fn cut(&self) {
        let links = self.shared.network().links.clone();
        links.iter().for_each(|link| link.cut());
        self.shared.changed.notify_all();
    }

    /// From now on a new connection is closed at once, before a byte went through.
    pub(crate) fn refuse(&self) {
        self.shared.network().refuses = true;
    }

    /// Ends [`Proxy::refuse`].
    pub(crate) fn accept(&self) {
        self.shared.network().refuses = false;
    }

    /// From now on nothing goes through, and nobody is told: connections stay, new ones are made and stay silent.
    ///
    /// What was on its way has gone through when this returns, unless somebody does not read for a second.
    pub(crate) fn stall(&self) {
        let mut network = self.shared.network();
        network.stalls = true;
        let began = Instant::now();
        while network.flowing > 0 && began.elapsed() < Duration::from_secs(1) {
            network = self.shared.wait(network);
        }
    }

    /// Ends [`Proxy::stall`]; what was held back goes through, in order.
    pub(crate) fn resume(&self) {
        self.shared.network().stalls = false;
        self.shared.changed.notify_all();
    }

    /// Each chunk (up to 64 KiB, each way) waits so long before it goes on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.network().delay = delay;
    }

    /// Bytes that went through to the server.
    pub(crate) fn to_server(&self) -> u64 {
        self.shared.to_server.load(Ordering::Relaxed)
    }

    /// Bytes that went through to clients.
    pub(crate) fn to_client(&self) -> u64 {
        self.shared.to_client.load(Ordering::Relaxed)
    }

    /// Connections so far, refused ones not counted.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections now.
    pub(crate) fn open(&self) -> usize {
        self.shared.network().links.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.cut();
        if let Some(listener) = self.listener.take() {
            // A panic of that thread was printed; another one here would abort the whole test.
            listener.join().ok();
        }
    }
}

impl Shared {
    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn wait<'a>(&self, network: MutexGuard<'a, Network>) -> MutexGuard<'a, Network> {
        self.changed.wait_timeout(network, TICK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Passes a chunk on, after the network's delay and once it does not stall; false: the connection is over.
    fn pass(&self, link: &Link, chunk: &[u8], direction: Direction) -> bool {
        let (mut to, count) = match direction {
            Direction::ToServer => (&link.server, &self.to_server),
            Direction::ToClient => (&link.client, &self.to_client),
        };
        let delay = self.network().delay;
        std::thread::sleep(delay);
        let mut network = self.network();
        while network.stalls && link.lives() && !self.ended() {
            network = self.wait(network);
        }
        network.flowing += 1;
        drop(network);
        // Before the other end can have seen it.
        count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let passed = link.lives() && to.write_all(chunk).is_ok();
        self.network().flowing -= 1;
        self.changed.notify_all();
        passed
    }
}

impl Link {
    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        // Either may be gone already.
        self.client.shutdown(Shutdown::Both).ok();
        self.server.shutdown(Shutdown::Both).ok();
    }

    fn lives(&self) -> bool {
        !self.cut.load(Ordering::Acquire)
    }
}

fn listen(shared: &Arc<Shared>, listener: &TcpListener, server_port: u16) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.ended() {
        match listener.accept() {
            Ok((client, _)) => threads.extend(serve(shared, client, server_port)),
            Err(_) => std::thread::sleep(TICK),
        }
        threads.retain(|thread| !thread.is_finished());
    }
    // One may have come in after the last cut.
    let links = std::mem::take(&mut shared.network().links);
    links.iter().for_each(|link| link.cut());
    for thread in threads {
        thread.join().ok();
    }
}

/// The two threads of a new connection; none where it is refused or the server is away.
fn serve(shared: &Arc<Shared>, client: TcpStream, server_port: u16) -> Vec<JoinHandle<()>> {
    if shared.network().refuses {
        return Vec::new();
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)) else { return Vec::new() };
    for stream in [&client, &server] {
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    let link = Arc::new(Link { client, server, cut: AtomicBool::new(false), open: AtomicUsize::new(2) });
    shared.network().links.push(Arc::clone(&link));
    shared.accepted.fetch_add(1, Ordering::Relaxed);
    let start = |direction| {
        let (shared, link) = (Arc::clone(shared), Arc::clone(&link));
        std::thread::spawn(move || forward(&shared, &link, direction))
    };
    vec![start(Direction::ToServer), start(Direction::ToClient)]
}

fn forward(shared: &Shared, link: &Arc<Link>, direction: Direction) {
    let (mut from, to) = match direction {
        Direction::ToServer => (&link.client, &link.server),
        Direction::ToClient => (&link.server, &link.client),
    };
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => {
                to.shutdown(Shutdown::Write).ok();
                break;
            }
            Ok(length) => length,
            Err(_) => {
                link.cut();
                break;
            }
        };
        if !shared.pass(link, &chunk[..length], direction) {
            link.cut();
            break;
        }
    }
    if link.open.fetch_sub(1, Ordering::AcqRel) == 1 {
        shared.network().links.retain(|other| !Arc::ptr_eq(other, link));
    }
}
