//! The proxy does to connections what it says.

use crate::common::cluster;
use crate::proxy::Proxy;
use pgpassage::demo::cluster::Cluster;
use std::io::Read;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

async fn connect(proxy: &Proxy) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&proxy.uri("postgres"), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn setup() -> (Cluster, Proxy) {
    let cluster = cluster();
    let proxy = Proxy::start(cluster.port());
    (cluster, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_through_and_are_counted() {
    let (_cluster, proxy) = setup();
    let client = connect(&proxy).await.unwrap();
    let (before, sent) = (proxy.to_client(), proxy.to_server());
    let row = client.query_one("SELECT repeat('x', 3000000)", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0).len(), 3_000_000);
    assert!((3_000_000..3_010_000).contains(&(proxy.to_client() - before)), "{}", proxy.to_client());
    assert!((20..500).contains(&(proxy.to_server() - sent)));
    let length: i32 =
        client.query_one("SELECT length($1::text)", &[&"y".repeat(2_000_000)]).await.unwrap().get(0);
    assert_eq!(length, 2_000_000);
    assert!(proxy.to_server() - sent > 2_000_000);
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    drop(client);
    let began = Instant::now();
    while proxy.open() > 0 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(proxy.open(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_end_and_new_ones_are_as_told() {
    let (_cluster, proxy) = setup();
    let (first, second) = (connect(&proxy).await.unwrap(), connect(&proxy).await.unwrap());
    proxy.refuse();
    // The ones that are there stay.
    first.batch_execute("SELECT 1").await.unwrap();
    assert!(connect(&proxy).await.is_err());
    let mut refused = std::net::TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    assert!(!refused.read(&mut [0]).is_ok_and(|length| length > 0));
    proxy.cut();
    for client in [&first, &second] {
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    assert!(connect(&proxy).await.is_err());
    proxy.accept();
    connect(&proxy).await.unwrap().batch_execute("SELECT 1").await.unwrap();
    assert_eq!(proxy.accepted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_network_is_silent_until_it_resumes() {
    let (cluster, proxy) = setup();
    let client = connect(&proxy).await.unwrap();
    client.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    proxy.stall();
    let insert = client.batch_execute("INSERT INTO t VALUES (1)");
    tokio::pin!(insert);
    assert!(tokio::time::timeout(Duration::from_millis(400), &mut insert).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(400), connect(&proxy)).await.is_err());
    assert_eq!(cluster.psql("postgres", "SELECT count(*) FROM t").unwrap(), "0");
    proxy.resume();
    insert.await.unwrap();
    assert_eq!(cluster.psql("postgres", "SELECT count(*) FROM t").unwrap(), "1");
    // A stall does not protect from being cut.
    proxy.stall();
    let insert = client.batch_execute("INSERT INTO t VALUES (2)");
    tokio::pin!(insert);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut insert).await.is_err());
    proxy.cut();
    assert!(insert.await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_network_delays_each_chunk_and_ends_at_once() {
    let (_cluster, proxy) = setup();
    let client = connect(&proxy).await.unwrap();
    proxy.delay(Duration::from_millis(150));
    let began = Instant::now();
    client.batch_execute("SELECT 1").await.unwrap();
    // There and back.
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    proxy.stall();
    let began = Instant::now();
    drop(proxy);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(client.batch_execute("SELECT 1").await.is_err());
}
