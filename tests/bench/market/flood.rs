//! The stream at full rate: so many events a second, with the time of each, as the vendor writes them.

use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// Symbols that it is about.
pub const SYMBOLS: usize = 500;
/// Events of one message.
pub const EVENTS: usize = 100;
/// Messages that differ in their symbols.
const FRAMES: usize = 20;

pub fn symbol(nth: usize) -> String {
    format!("S{nth:03}")
}

pub fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_millis() as u64)
}

/// A message whose times and numbers are put in each time.
pub struct Template {
    text: Vec<u8>,
    times: Vec<usize>,
    numbers: Vec<usize>,
}

impl Template {
    pub fn new(nth: usize) -> Template {
        let mut text = String::from("[");
        let (mut times, mut numbers) = (Vec::new(), Vec::new());
        for n in 0..EVENTS {
            if n > 0 {
                text.push(',');
            }
            let at = nth * EVENTS + n;
            let name = symbol(at % SYMBOLS);
            let price = 100.0 + (at % 97) as f64 / 100.0;
            // One trade among four events, as on a usual day.
            text += &if n % 4 == 0 {
                format!(
                    r#"{{"ev":"T","sym":"{name}","x":4,"i":"52983525029461","z":3,"p":{price},"s":25,"c":[14,41],"t":"#
                )
            } else {
                format!(
                    r#"{{"ev":"Q","sym":"{name}","bx":4,"bp":{price},"bs":3,"ax":7,"ap":{:.2},"as":2,"c":1,"i":[604],"t":"#,
                    price + 0.02
                )
            };
            times.push(text.len());
            text += "0000000000000,\"q\":";
            numbers.push(text.len());
            text += "1000000000}";
        }
        text.push(']');
        Template {
            text: text.into_bytes(),
            times,
            numbers,
        }
    }

    /// The message at a moment, beginning with a number.
    pub fn at(&mut self, ms: u64, number: u64) -> String {
        let time = format!("{ms:013}");
        for at in &self.times {
            self.text[*at..*at + 13].copy_from_slice(time.as_bytes());
        }
        for (nth, at) in self.numbers.iter().enumerate() {
            let number = format!(
                "{:010}",
                1_000_000_000 + (number + nth as u64) % 8_000_000_000
            );
            self.text[*at..*at + 10].copy_from_slice(number.as_bytes());
        }
        String::from_utf8(self.text.clone()).expect("ASCII")
    }
}

/// Speaks the vendor's protocol, and once all is subscribed sends `per_sec` events a second for so long.
pub fn stream(connection: TcpStream, path: &str, per_sec: usize, length: Duration) {
    let _ = connection.set_read_timeout(Some(Duration::from_millis(50)));
    let config = WebSocketConfig::default().write_buffer_size(0);
    let mut socket = WebSocket::from_raw_socket(connection, Role::Server, Some(config));
    let status =
        |status: &str, message: &str| json!({"ev": "status", "status": status, "message": message});
    let _ = socket.send(Message::text(json!([status("connected", "")]).to_string()));
    let mut start: Option<Instant> = None;
    let mut templates: Vec<Template> = (0..FRAMES).map(Template::new).collect();
    let mut sent = 0_u64;
    loop {
        if start.is_none() || path != "/stocks" {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let told: Value = serde_json::from_str(&text).unwrap_or_default();
                    let params = told["params"].as_str().unwrap_or_default();
                    let answers: Vec<Value> = match told["action"].as_str() {
                        Some("auth") => vec![status("auth_success", "")],
                        Some("subscribe") => params
                            .split(',')
                            .map(|param| status("success", &format!("subscribed to: {param}")))
                            .collect(),
                        _ => continue,
                    };
                    let _ = socket.send(Message::text(json!(answers).to_string()));
                    if params.contains("LULD.") {
                        // What conditions mean is asked for meanwhile.
                        start = Some(Instant::now() + Duration::from_secs(1));
                    }
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            continue;
        }
        let Some(began) = start else { continue };
        let since = Instant::now().saturating_duration_since(began);
        if since >= length {
            // Nothing more comes, but the connection stays.
            std::thread::sleep(Duration::from_millis(100));
            if socket.flush().is_err() {
                return;
            }
            continue;
        }
        let due = (since.as_secs_f64() * per_sec as f64) as u64;
        if due <= sent {
            std::thread::sleep(Duration::from_micros(500));
            continue;
        }
        let ms = now_ms();
        while sent < due {
            let nth = (sent as usize / EVENTS) % FRAMES;
            let text = templates[nth].at(ms, sent);
            if socket.send(Message::text(text)).is_err() {
                return;
            }
            sent += EVENTS as u64;
        }
    }
}
