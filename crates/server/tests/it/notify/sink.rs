//! A receiver: takes HTTP requests, keeps them, and answers as a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: String,
    /// Whether it was answered with a status below 300.
    taken: bool,
}

#[derive(Debug)]
struct State {
    status: u16,
    /// Headers with their ends, or a body.
    extra: String,
    requests: Vec<Request>,
}

/// Runs until the test process ends.
pub(super) struct Sink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Sink {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            status: 200,
            extra: String::new(),
            requests: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client may hang up in the middle.
                std::thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on. `extra` is a header line with its end, or else the body.
    pub(super) fn answer(&self, status: u16, extra: &str) {
        let mut state = self.state.lock().unwrap();
        state.status = status;
        state.extra = extra.to_owned();
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// What was taken.
    pub(super) fn bodies(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .filter(|request| request.taken)
            .map(|request| request.body)
            .collect()
    }

    pub(super) fn attempts(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    pub(super) fn attempted(&self, times: usize) -> Result<(), String> {
        let requests = self.requests();
        if requests.len() >= times {
            Ok(())
        } else {
            Err(format!("{requests:?}"))
        }
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().unwrap();
    let status = state.status;
    state.requests.push(Request {
        path,
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
        taken: status < 300,
    });
    let (headers, text) = match state.extra.as_str() {
        extra if extra.ends_with("\r\n") => (extra.to_owned(), String::new()),
        extra => (String::new(), extra.to_owned()),
    };
    drop(state);
    let answer = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{text}",
        text.len()
    );
    reader.get_mut().write_all(answer.as_bytes())
}
