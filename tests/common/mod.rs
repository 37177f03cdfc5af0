//! What the tests with real servers share: two clusters, the program run against them, its result.

pub(crate) mod compare;

use pgpassage::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};
use pgpassage::link::{Engine, migrations};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// No run of a test takes this long.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn server_binaries() -> PathBuf {
    find_server_binaries(None, None).unwrap()
}

/// `make test-all`: the long loops.
pub(crate) fn test_all() -> bool {
    std::env::var_os("PGPASSAGE_TEST_ALL").is_some()
}

pub(crate) fn cluster() -> Cluster {
    Cluster::start(ClusterOptions::new(server_binaries())).unwrap()
}

/// A source, a target and a place for the migration's state. Everything goes when this is dropped.
pub(crate) struct Pair {
    pub(crate) source: Cluster,
    pub(crate) target: Cluster,
    pub(crate) state: tempfile::TempDir,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::of(cluster(), cluster())
    }

    pub(crate) fn of(source: Cluster, target: Cluster) -> Self {
        Self { source, target, state: tempfile::tempdir().unwrap() }
    }

    /// `migrate --json` with further arguments, to its end.
    pub(crate) fn migrate(&self, arguments: &[&str]) -> Ran {
        let source = self.source.uri("postgres");
        let target = self.target.uri("postgres");
        self.program(&[&["migrate", "-s", &source, "-t", &target, "--json"], arguments].concat())
    }

    /// The program with these arguments and nothing of our environment but PATH.
    pub(crate) fn program(&self, arguments: &[&str]) -> Ran {
        self.program_with(arguments, &[])
    }

    pub(crate) fn program_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let child = self.start(arguments, environment);
        Ran::from(wait(child))
    }

    /// A migration is a snapshot unless its arguments say how it is to go: our clusters can all replicate, and most tests
    /// are about what a snapshot moves.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        self.start_into(arguments, environment, Stdio::piped())
    }

    /// The same with its standard output somewhere else.
    pub(crate) fn start_into(&self, arguments: &[&str], environment: &[(&str, &str)], out: Stdio) -> Child {
        let says_how = |a: &&str| ["--force-method", "--fallback"].contains(a);
        let by_snapshot = arguments.first() == Some(&"migrate") && !arguments.iter().any(says_how);
        Command::new(env!("CARGO_BIN_EXE_pgpassage"))
            .args(arguments)
            .args(if by_snapshot { ["--force-method", "dump"].as_slice() } else { &[] })
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.state.path())
            .env("XDG_STATE_HOME", self.state.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Every file below the state folder, as text.
    pub(crate) fn state_text(&self) -> String {
        fn collect(folder: &Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, text);
                } else if path.is_file() {
                    text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
                }
            }
        }
        let mut text = String::new();
        collect(self.state.path(), &mut text);
        text
    }

    pub(crate) fn compare(&self) -> Vec<compare::Difference> {
        compare::compare_servers(&conn(&self.source), &conn(&self.target))
    }

    pub(crate) fn compare_database(&self, database: &str) -> Vec<compare::Difference> {
        compare::compare_database(&conn(&self.source), &conn(&self.target), database)
    }
}

/// An engine outlives who started it, and would go on looking for servers that are gone.
impl Drop for Pair {
    fn drop(&mut self) {
        self.kill_engines();
    }
}

impl Pair {
    pub(crate) fn kill_engines(&self) {
        for known in migrations(&self.state.path().join("pgpassage")).unwrap_or_default() {
            if let Engine::Alive { pid } = known.engine
                && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            {
                // It may have ended meanwhile.
                kill_process(pid, Signal::KILL).ok();
            }
        }
    }
}

pub(crate) fn conn(cluster: &Cluster) -> compare::Conn {
    compare::Conn {
        host: cluster.socket_dir().to_str().unwrap().to_owned(),
        port: cluster.port(),
        user: cluster.superuser().to_owned(),
        // Builds of old servers come without client programs.
        bin: if cluster.bin().join("psql").exists() { cluster.bin().to_owned() } else { server_binaries() },
    }
}

/// Waits with a bound; a child that hangs is killed and fails the test.
pub(crate) fn wait(mut child: Child) -> Output {
    use std::io::Read;
    let mut out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    let out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes)
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Output { status, stdout: out.join().unwrap().unwrap(), stderr: err.join().unwrap().unwrap() }
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// 128 + signal where a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The document on standard output; null where there is none.
    pub(crate) json: Value,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(stdout.trim()).unwrap_or(Value::Null);
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
        Self { code, stdout, stderr: String::from_utf8(output.stderr).unwrap(), json }
    }
}

impl Ran {
    /// `done`, `failed` or `cancelled`.
    pub(crate) fn status(&self, database: &str) -> &str {
        self.json["pg_databases"][database]["status"].as_str().unwrap_or("absent")
    }

    pub(crate) fn message(&self, database: &str) -> &str {
        self.json["pg_databases"][database]["message"].as_str().unwrap_or("absent")
    }

    pub(crate) fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or("no error")
    }

    /// Findings of at least this weight, as `id: title: why`.
    pub(crate) fn findings(&self, severity: &str) -> Vec<String> {
        let text = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
        let all = self.json["findings"].as_array().cloned().unwrap_or_default();
        all.iter()
            .filter(|f| f["severity"] == severity)
            .map(|f| format!("{}: {}: {}", text(f, "id"), text(f, "title"), text(f, "why")))
            .collect()
    }

    /// Everything went well, or the test ends here with what did not.
    #[track_caller]
    pub(crate) fn assert_done(&self) -> &Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stderr, self.stdout);
        assert_eq!(self.findings("lost"), Vec::<String>::new());
        self
    }
}

/// Waits until a query on a cluster gives the wanted answer.
#[track_caller]
pub(crate) fn eventually(cluster: &Cluster, database: &str, query: &str, wanted: &str) {
    let began = Instant::now();
    loop {
        let got = cluster.psql(database, query).unwrap();
        if got.trim() == wanted {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{query}: {got}, not {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
