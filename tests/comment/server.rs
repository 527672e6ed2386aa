//! A small server on this machine that answers as the API of GitHub or GitLab does: pages, users, and on demand its faults.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The token that the server takes.
pub(crate) const TOKEN: &str = "secret-of-the-test";
/// Comments of a page: fewer than a client asks for.
const PAGE: usize = 2;
/// The user of the token.
pub(crate) const US: &str = "github-actions[bot]";

/// What goes wrong with one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is refused with a status, headers and a body.
    Answer(u16, &'static str, &'static str),
    /// It is done, and the connection ends without an answer.
    Silence,
}

/// A comment, as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) user: String,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) comments: Vec<Comment>,
    /// Requests that begin so fail, the first of the list first.
    pub(crate) faults: VecDeque<(&'static str, Fault)>,
    /// `GET /path` of every request.
    pub(crate) seen: Vec<String>,
    /// Answers of other paths.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// A comment that another job makes just before ours.
    pub(crate) race: Option<Comment>,
    /// Requests for a file that came with a token.
    pub(crate) leaked: bool,
}

pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    token: Option<String>,
    body: Value,
}

struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, own) = (Arc::clone(&state), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared, &own);
            }
        });
        Server { address, state }
    }

    /// Adds a comment; its id is the next one.
    pub(crate) fn add(&self, user: &str, body: &str) {
        add(&mut self.state.lock().unwrap(), user, body);
    }

    pub(crate) fn fail(&self, request: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((request, fault));
    }

    /// What a path answers from now on.
    pub(crate) fn say(&self, path: &str, body: &str) {
        self.state.lock().unwrap().files.push((path.to_owned(), body.as_bytes().to_vec()));
    }

    /// Comments of the token's user.
    pub(crate) fn ours(&self) -> Vec<Comment> {
        let state = self.state.lock().unwrap();
        state.comments.iter().filter(|comment| comment.user == US).cloned().collect()
    }

    pub(crate) fn count(&self, request: &str) -> usize {
        self.state.lock().unwrap().seen.iter().filter(|seen| seen.starts_with(request)).count()
    }
}

fn add(state: &mut State, user: &str, body: &str) -> u64 {
    let id = state.comments.iter().map(|comment| comment.id).max().unwrap_or(100) + 1;
    state.comments.push(Comment { id, user: user.to_owned(), body: body.to_owned() });
    id
}

fn serve(stream: TcpStream, state: &Mutex<State>, own: &str) {
    let Some(request) = read(&stream) else { return };
    let mut state = state.lock().unwrap();
    let line = format!("{} {}", request.method, request.path);
    state.seen.push(line.clone());
    let position = state.faults.iter().position(|(of, _)| line.starts_with(of));
    let reply = match position.and_then(|at| state.faults.remove(at)) {
        Some((_, Fault::Answer(status, headers, body))) => {
            Reply { status, headers: headers.to_owned(), body: body.as_bytes().to_vec() }
        }
        Some((_, Fault::Silence)) => {
            answer(&request, &mut state, own);
            return;
        }
        None => answer(&request, &mut state, own),
    };
    let head = format!(
        "HTTP/1.1 {} Reason\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n",
        reply.status,
        reply.body.len(),
        reply.headers
    );
    let _ = (&stream).write_all(&[head.as_bytes(), &reply.body].concat());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, token, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: String::new(), body: body.to_string().into_bytes() }
}

fn answer(request: &Request, state: &mut State, own: &str) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path.starts_with("/storage/") {
        state.leaked |= request.token.is_some();
        return file(path, state);
    }
    if request.token.as_deref() != Some(TOKEN) {
        return reply(401, &json!({ "message": "Bad credentials" }));
    }
    let (collection, id) = match path.rsplit_once('/') {
        Some((head, last)) if last.parse::<u64>().is_ok() => (head, last.parse().ok()),
        _ => (path, None),
    };
    match (request.method.as_str(), collection, id) {
        // A test may say another state.
        ("GET", "/repos/shop/shop/pulls" | "/projects/12/merge_requests", Some(_))
            if !state.files.iter().any(|(name, _)| *name == request.path) =>
        {
            reply(200, &json!({ "state": if path.starts_with("/repos") { "open" } else { "opened" } }))
        }
        ("POST", "/graphql", None) => reply(200, &json!({ "data": { "viewer": { "login": US } } })),
        ("GET", "/user", None) => reply(200, &json!({ "id": 7 })),
        ("GET", "/repos/shop/shop/issues/5/comments" | "/projects/12/merge_requests/5/notes", None) => {
            listed(path, query, state, own)
        }
        ("POST", "/repos/shop/shop/issues/5/comments" | "/projects/12/merge_requests/5/notes", None) => {
            state.comments.extend(state.race.take());
            let id = add(state, US, request.body["body"].as_str().unwrap_or_default());
            reply(201, &json!({ "id": id }))
        }
        ("PATCH", "/repos/shop/shop/issues/comments", Some(id))
        | ("PUT", "/projects/12/merge_requests/5/notes", Some(id)) => changed(id, request, state),
        ("DELETE", _, Some(id)) => {
            state.comments.retain(|comment| comment.id != id);
            Reply { status: 204, headers: String::new(), body: vec![] }
        }
        _ => file(&request.path, state),
    }
}

fn file(path: &str, state: &State) -> Reply {
    match state.files.iter().find(|(name, _)| name == path) {
        Some((_, bytes)) => match bytes.strip_prefix(b"location: ") {
            Some(target) => {
                let headers = format!("location: {}\r\n", String::from_utf8_lossy(target));
                Reply { status: 302, headers, body: vec![] }
            }
            None => Reply { status: 200, headers: String::new(), body: bytes.clone() },
        },
        None => reply(404, &json!({ "message": "Not Found" })),
    }
}

fn changed(id: u64, request: &Request, state: &mut State) -> Reply {
    match state.comments.iter_mut().find(|comment| comment.id == id) {
        Some(comment) => {
            comment.body = request.body["body"].as_str().unwrap_or_default().to_owned();
            reply(200, &json!({ "id": id }))
        }
        None => reply(404, &json!({ "message": "Not Found" })),
    }
}

/// A page, with what leads to the next one in the manner of both forges.
fn listed(path: &str, query: &str, state: &State, own: &str) -> Reply {
    let page = query.split('&').find_map(|part| part.strip_prefix("page=")?.parse().ok()).unwrap_or(1_usize);
    let entry = |comment: &Comment| {
        let author = if comment.user == US { 7 } else { 8 };
        json!({
            "id": comment.id, "body": comment.body, "user": { "login": comment.user }, "author": { "id": author }
        })
    };
    let entries: Vec<Value> = state.comments.iter().skip((page - 1) * PAGE).take(PAGE).map(entry).collect();
    let mut reply = reply(200, &Value::Array(entries));
    if state.comments.len() > page * PAGE {
        let next = page + 1;
        reply.headers = format!("link: <{own}{path}?page={next}>; rel=\"next\"\r\nx-next-page: {next}\r\n");
    }
    reply
}
