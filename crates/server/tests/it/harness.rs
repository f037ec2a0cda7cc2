//! Starts servers and targets, asks them, and waits for what must come.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes on a busy machine; only a failing test waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running `pyrometer up`, killed when the test ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it printed until it was ready.
    pub(crate) printed: Vec<String>,
    output: BufReader<ChildStdout>,
}

/// A folder with a data folder, a runtime folder and whatever a test writes.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        make_private(&home.path("run"));
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `pyrometer up` on a free port, with this folder's data and runtime folders.
    pub(crate) fn up(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pyrometer"));
        command
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.path("data"))
            .arg("--runtime-dir")
            .arg(self.path("run"))
            .args(more)
            .env_remove("PYROMETER_CONFIG");
        command
    }

    pub(crate) fn start(&self, more: &[&str]) -> Server {
        Server::start(self.up(more))
    }

    /// With a configuration that is written first.
    pub(crate) fn start_with(&self, config: &str) -> Server {
        let path = self.write("prometheus.yml", config);
        self.start(&["--config", path.to_str().unwrap()])
    }
}

fn make_private(dir: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(dir).unwrap();
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            child,
            address,
            printed: Vec::new(),
            output,
        };
        while server.address.port() == 0 {
            let mut line = String::new();
            let read = server.output.read_line(&mut line).unwrap();
            assert!(
                read > 0,
                "ended before it was ready; it printed {:?}",
                server.printed
            );
            if let Some((_, address)) = line.trim().split_once("UI http://") {
                server.address = address.parse().unwrap();
            }
            server.printed.push(line.trim_end().to_owned());
        }
        server
    }

    /// The next line it prints that holds `part`.
    pub(crate) fn wait_for_line(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the server ended without printing {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Ends it as a service manager does, and gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    /// Ends it as the kernel does when memory is short.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        request(self.address, "POST", path, &[kind], form)
    }

    /// `data` of a successful answer.
    pub(crate) fn data(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// The values of an instant query, by the text of each series.
    pub(crate) fn query(&self, expr: &str) -> Vec<(String, String)> {
        let data = self.data(&format!("/api/v1/query?query={}", encode(expr)));
        let series = data["result"].as_array().unwrap();
        series
            .iter()
            .map(|series| (series["metric"].to_string(), text(&series["value"][1])))
            .collect()
    }

    /// Waits until the query has exactly one series, with this value.
    pub(crate) fn wait_for_value(&self, expr: &str, expected: &str) {
        wait_until(&format!("{expr} is {expected}"), || {
            let values: Vec<String> = self
                .query(expr)
                .into_iter()
                .map(|(_, value)| value)
                .collect();
            if values == [expected] {
                Ok(())
            } else {
                Err(format!("{values:?}"))
            }
        });
    }

    /// Waits until the target of this job was scraped; gives its JSON.
    pub(crate) fn wait_for_target(&self, job: &str, health: &str) -> Value {
        wait_until(&format!("target {job} is {health}"), || {
            let data = self.data("/api/v1/targets");
            let targets = data["activeTargets"].as_array().unwrap();
            targets
                .iter()
                .find(|target| target["labels"]["job"] == job && target["health"] == health)
                .cloned()
                .ok_or_else(|| data.to_string())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asks again and again until there is an answer; the last refusal tells why there was none.
pub(crate) fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match ask() {
            Ok(found) => return found,
            Err(last) => assert!(
                Instant::now() < deadline,
                "waited for: {what}; last: {last}"
            ),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Runs a command that is expected to end by itself.
pub(crate) fn output_of(command: &mut Command) -> Output {
    command.output().unwrap()
}

pub(crate) fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// One request on a connection of its own, by hand: no client between the test and the bytes.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server may refuse a large body before it has read all of it.
    drop(stream.write_all(body.as_bytes()));
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    parse_answer(&bytes)
}

fn parse_answer(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &bytes[end + 4..];
    let body = if chunked {
        join_chunks(body)
    } else {
        body.to_vec()
    };
    Answer {
        status,
        headers,
        body,
    }
}

fn join_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}

/// A target whose answers a test chooses. Runs until the test process ends.
pub(crate) struct Exposed {
    pub(crate) address: SocketAddr,
    /// The heads of the requests it got.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

/// Writes an answer to one request, status line and all.
pub(crate) type Reply = dyn Fn(&str, &mut TcpStream) + Send + Sync;

impl Exposed {
    pub(crate) fn new(reply: Box<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let reply: Arc<Reply> = Arc::from(reply);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                std::thread::spawn(move || answer_one(stream, &seen, &*reply));
            }
        });
        Self { address, heads }
    }

    /// Always the same body, as text.
    pub(crate) fn text(body: &str) -> Self {
        let body = body.to_owned();
        Self::new(Box::new(move |_, stream| {
            write_ok(stream, "", body.as_bytes())
        }))
    }

    /// A body that the test changes while it runs.
    pub(crate) fn changing(body: &Arc<Mutex<String>>) -> Self {
        let body = Arc::clone(body);
        Self::new(Box::new(move |_, stream| {
            let body = body.lock().unwrap().clone();
            write_ok(stream, "", body.as_bytes());
        }))
    }

    /// A configuration that scrapes it every 200 ms, with more fields for the job.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "scrape_configs:\n- job_name: t\n  scrape_interval: 200ms\n  static_configs:\n  - \
             targets: ['{}']\n{more}",
            self.address
        )
    }
}

fn answer_one(mut stream: TcpStream, seen: &Mutex<Vec<String>>, reply: &Reply) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap().push(head.clone());
    reply(&head, &mut stream);
}

/// A whole answer with status 200; `headers` are lines with their ends.
pub(crate) fn write_ok(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    // The scraper may have hung up.
    drop(
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body)),
    );
}
