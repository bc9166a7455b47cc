//! A small RESP client that pipelines: the load must cost less than what it loads.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Int(i64),
    Text(Vec<u8>),
    Nil,
    List(Vec<Reply>),
}

impl Reply {
    pub fn int(&self) -> i64 {
        match self {
            Reply::Int(n) => *n,
            other => panic!("a number was expected: {other:?}"),
        }
    }

    pub fn text(&self) -> String {
        match self {
            Reply::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => panic!("a text was expected: {other:?}"),
        }
    }
}

/// Appends a command to `out`.
pub fn encode(out: &mut Vec<u8>, words: &[&[u8]]) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A connection.
pub struct Wire {
    reader: BufReader<TcpStream>,
}

impl Wire {
    pub fn connect(port: u16) -> std::io::Result<Wire> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Wire {
            reader: BufReader::with_capacity(1 << 16, stream),
        })
    }

    /// Runs one command.
    pub fn run(&mut self, words: &[&str]) -> Reply {
        let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
        let mut packet = Vec::new();
        encode(&mut packet, &words);
        self.send(&packet);
        self.reply()
    }

    /// Writes whatever was encoded.
    pub fn send(&mut self, packet: &[u8]) {
        self.reader
            .get_mut()
            .write_all(packet)
            .expect("redis-server takes it");
    }

    /// From here on the server answers nothing.
    pub fn silence(&mut self) {
        self.send(b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n");
    }

    /// Reads a reply.
    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("redis-server answers")
    }

    pub fn try_reply(&mut self) -> std::io::Result<Reply> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let number = || line[1..].parse::<i64>().expect("a number");
        Ok(match line.as_bytes()[0] {
            b':' => Reply::Int(number()),
            b'+' => Reply::Text(line.as_bytes()[1..].to_vec()),
            b'$' if number() < 0 => Reply::Nil,
            b'$' => {
                let mut text = vec![0; number() as usize + 2];
                self.reader.read_exact(&mut text)?;
                text.truncate(text.len() - 2);
                Reply::Text(text)
            }
            b'*' => {
                let count = number().max(0);
                Reply::List(
                    (0..count)
                        .map(|_| self.try_reply())
                        .collect::<Result<_, _>>()?,
                )
            }
            _ => panic!("redis-server says {line}"),
        })
    }

    /// Reads the answers of `count` PUBLISHes; how many of them reached nobody.
    pub fn publish_replies(&mut self, count: usize) -> usize {
        let mut line = Vec::new();
        let mut unheard = 0;
        for _ in 0..count {
            line.clear();
            self.reader
                .read_until(b'\n', &mut line)
                .expect("redis-server answers");
            assert_eq!(
                line.first(),
                Some(&b':'),
                "{}",
                String::from_utf8_lossy(&line)
            );
            unheard += usize::from(line == b":0\r\n");
        }
        unheard
    }

    /// Ends the waits of another thread on this connection when dropped there.
    pub fn stream(&self) -> TcpStream {
        self.reader
            .get_ref()
            .try_clone()
            .expect("a socket can be cloned")
    }
}
