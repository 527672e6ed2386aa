//! What came to a process beside its objects while it was looked at: descriptors, threads, children, functions to be called
//! at its end. `around.py` is the other side.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Deserialize;

use crate::view::text::clean;

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Around {
    /// Descriptors with what they lead to, as the kernel says it: `socket:[4711]`.
    pub opened: Vec<(i64, String)>,
    /// The kernel's lines about sockets, each with the table that it is in: `tcp6`.
    pub sockets: Vec<(String, String)>,
    /// Threads that Python knows.
    pub threads: Vec<Thread>,
    /// Tasks of asyncio that are not over, likewise.
    pub tasks: Vec<Thread>,
    /// The names of other threads.
    pub native: Vec<String>,
    /// Children: process id, state as the kernel says it, name of the command.
    pub children: Vec<(i64, String, String)>,
    /// How many functions more are to be called at the end of the process.
    pub callbacks: i64,
    /// What signals call, before and after: their numbers, and the addresses of the objects.
    pub handlers: [Vec<(u8, u64)>; 2],
}

/// A thread that Python knows, or a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Thread {
    /// Its name.
    pub name: String,
    /// What it runs: `shop.feed.poll`.
    pub target: String,
    /// 1: the end of the program does not wait for it.
    pub daemon: u8,
    /// The functions that it is in, innermost first: file, line, name.
    pub stack: Vec<(String, u32, String)>,
}

/// What a descriptor leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// A file, by its path.
    File(String),
    /// A connection.
    Connection {
        /// `tcp` or `udp`.
        protocol: &'static str,
        /// The own end.
        own: SocketAddr,
        /// The other end.
        peer: SocketAddr,
        /// `established`, `closed by the peer`.
        state: &'static str,
    },
    /// A socket that waits for connections, or that is not connected.
    Waiting {
        /// `tcp` or `udp`.
        protocol: &'static str,
        /// Where.
        own: SocketAddr,
        /// `listening`.
        state: &'static str,
    },
    /// A socket of the machine, with its path where it has one.
    Unix {
        /// The path; empty where it has none.
        path: String,
        /// `connected`.
        state: &'static str,
    },
    /// Anything else, in words.
    Other(String),
}

impl Around {
    /// The descriptors that came, and what each leads to.
    pub fn open(&self) -> BTreeMap<i64, Open> {
        let known: BTreeMap<&str, Open> =
            self.sockets.iter().filter_map(|(table, line)| socket(table, line)).collect();
        let of = |link: &str| match inode(link) {
            Some(inode) => known.get(inode).cloned().unwrap_or_else(|| Open::Other("socket".to_owned())),
            None => other(link),
        };
        self.opened.iter().map(|(fd, link)| (*fd, of(link))).collect()
    }
}

fn inode(link: &str) -> Option<&str> {
    link.strip_prefix("socket:[")?.strip_suffix(']')
}

fn other(link: &str) -> Open {
    if link.starts_with('/') {
        return Open::File(clean(link).into_owned());
    }
    let kind = link.strip_prefix("anon_inode:").unwrap_or(link);
    Open::Other(match kind.trim_matches(['[', ']']) {
        kind if kind.starts_with("pipe:") => "pipe".to_owned(),
        "eventpoll" => "epoll".to_owned(),
        kind => clean(kind).into_owned(),
    })
}

/// A line of `/proc/net/…`: the socket's inode, and what it is.
fn socket<'a>(table: &str, line: &'a str) -> Option<(&'a str, Open)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if table == "unix" {
        let state = match *words.get(5)? {
            "03" => "connected",
            "01" => "not connected",
            _ => "being connected",
        };
        let path = words.get(7).map_or_else(String::new, |path| clean(path).into_owned());
        return Some((words.get(6)?, Open::Unix { path, state }));
    }
    let protocol = if table.starts_with("tcp") { "tcp" } else { "udp" };
    let (own, peer) = (address(words.get(1)?)?, address(words.get(2)?)?);
    let state = state(protocol, words.get(3)?);
    let open = match peer.port() {
        0 => Open::Waiting { protocol, own, state },
        _ => Open::Connection { protocol, own, peer, state },
    };
    Some((words.get(9)?, open))
}

/// The states of `include/net/tcp_states.h`, in the words of people.
fn state(protocol: &str, number: &str) -> &'static str {
    match (protocol, number) {
        (_, "01") => "established",
        ("udp", _) => "not connected",
        (_, "02") => "being connected",
        (_, "03") => "being accepted",
        (_, "04" | "05") => "closed on this side alone",
        (_, "06" | "07") => "closed",
        (_, "08") => "closed by the peer, and not on this side",
        (_, "09" | "0B") => "closing",
        (_, "0A") => "listening",
        _ => "in an unknown state",
    }
}

/// `0100007F:1F90`: words of four bytes, each in the machine's order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words =
        (0..host.len() / 8).map(|word| u32::from_str_radix(host.get(word * 8..word * 8 + 8)?, 16).ok());
    let bytes: Vec<u8> =
        words.collect::<Option<Vec<u32>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let host = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        // One of version 4 that is written as one of version 6 is what people know it by.
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(host, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(link: &str, sockets: &[(&str, &str)]) -> Open {
        let sockets = sockets.iter().map(|(table, line)| ((*table).to_owned(), (*line).to_owned())).collect();
        let around = Around { opened: vec![(7, link.to_owned())], sockets, ..Around::default() };
        around.open().remove(&7).expect("it is the one that was given")
    }

    #[test]
    fn sockets_are_told_with_both_ends_and_their_state() {
        let line = "3: 0100007F:C350 0200007F:1F90 08 00000000:00000000 00:00000000 00000000 0 0 4711 1";
        assert_eq!(
            only("socket:[4711]", &[("tcp", line)]),
            Open::Connection {
                protocol: "tcp",
                own: "127.0.0.1:50000".parse().unwrap(),
                peer: "127.0.0.2:8080".parse().unwrap(),
                state: "closed by the peer, and not on this side",
            }
        );
        let line = "0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A \
                    00000000:00000000 00:00000000 00000000 0 0 12 1";
        assert_eq!(
            only("socket:[12]", &[("tcp6", line)]),
            Open::Waiting { protocol: "tcp", own: "[::1]:80".parse().unwrap(), state: "listening" }
        );
        let line = "ffff: 00000003 00000000 00000000 0001 03 99 /run/shop.sock";
        let unix = Open::Unix { path: "/run/shop.sock".to_owned(), state: "connected" };
        assert_eq!(only("socket:[99]", &[("unix", line)]), unix);
    }

    #[test]
    fn what_the_kernel_says_nothing_about_is_still_told() {
        assert_eq!(only("socket:[1]", &[]), Open::Other("socket".to_owned()));
        assert_eq!(only("pipe:[1]", &[]), Open::Other("pipe".to_owned()));
        assert_eq!(only("anon_inode:[eventpoll]", &[]), Open::Other("epoll".to_owned()));
        assert_eq!(only("/tmp/a\u{1b}[2J", &[]), Open::File("/tmp/a\\x1b[2J".to_owned()));
        for damaged in ["", "1 2 3", "0: 0100007F 0:0 01 a b c d e 1", "0: é:1 é:2 01 a b c d e 1"] {
            assert_eq!(only("socket:[1]", &[("tcp", damaged)]), Open::Other("socket".to_owned()));
        }
    }
}
