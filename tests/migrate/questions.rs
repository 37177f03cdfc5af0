//! Every question in assets/sql is understood by every version that it claims, where that version's server is at hand.

use crate::common::{cluster, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::{Path, PathBuf};

/// Major versions that a question is asked of: from the one that its head names.
fn ask_all(cluster: &Cluster, major: u32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sql");
    let mut asked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let from = text.rsplit_once("From ").unwrap().1;
        let from: u32 = from.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
        if major >= from {
            let sql = format!("SET search_path = ''; PREPARE question AS {text}; DEALLOCATE question");
            cluster.psql("postgres", &sql).unwrap_or_else(|e| panic!("{} on {major}: {e}", path.display()));
            asked += 1;
        }
    }
    assert!(asked > 15, "only {asked} questions were found");
}

#[test]
fn every_question_is_understood() {
    let installed: u32 =
        cluster().psql("postgres", "SHOW server_version_num").unwrap().trim().parse().unwrap();
    ask_all(&cluster(), installed / 10_000);
    let Some(folder) = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from) else {
        println!(
            "skipped for other versions than {}: PGPASSAGE_PG_VERSIONS is not set",
            server_binaries().display()
        );
        return;
    };
    for major in 10..=19 {
        let bin = folder.join(major.to_string()).join("bin");
        if bin.is_dir() {
            ask_all(&Cluster::start(ClusterOptions::new(bin)).unwrap(), major);
        }
    }
}
