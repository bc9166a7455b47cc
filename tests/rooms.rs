//! The house keeps its order: a room uses those above it, never one below it, and no files use each other in a circle.
//!
//! What a file uses is read from its tokens: `use` trees, paths that stand inline, `super` and `self`, and names that
//! another module only hands on. Code of tests is left out: it stands beside what it tests, and may look anywhere.

mod circles;
mod imports;

use std::collections::BTreeMap;
use std::path::Path;

use circles::circles;
use imports::{House, Import};

/// The rooms from above to below. Rooms of one line do not know each other.
const FLOORS: &[&[&str]] = &[
    &["clock", "fail_stop"],
    &["text"],
    &["env"],
    &["contract"],
    &["net", "http"],
    &["truth"],
    &["feed"],
    &["bus"],
    &["swarm_state"],
    &["history"],
    &["service"],
    &["flap"],
    &["notify"],
    &["watch"],
    &[
        "bootstrap",
        "healer",
        "sentinel",
        "rss_agg",
        "massive",
        "vexy_ai",
        "mesh",
    ],
    &["reports"],
    &["console"],
    &["sections"],
    &["terminal", "demo_feeds"],
    &["up"],
    &["cli"],
];

/// The largest part of the source that one room may be, in percent of its lines.
const LARGEST_ROOM: usize = 18;

fn floor_of(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| {
            panic!("no floor is given for the room {room}: say in FLOORS where it stands")
        })
}

/// The first segment of a path below `src/`: `bus/link.rs` and `bus.rs` are of the room `bus`.
fn room_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Imports that lead from a room to one below it, or to another of the same floor.
fn upside_down(imports: &[Import]) -> Vec<String> {
    let wrong = imports.iter().filter(|import| {
        let (from, to) = (room_of(&import.from), room_of(&import.to));
        from != "lib" && from != to && floor_of(to) >= floor_of(from)
    });
    let mut said: Vec<String> = wrong
        .map(|i| format!("src/{}:{} uses src/{} ({})", i.from, i.line, i.to, i.path))
        .collect();
    said.sort();
    said.dedup();
    said
}

fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src is a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .expect("below src")
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, std::fs::read_to_string(&path).expect("a source file"));
            }
        }
    }
    found
}

#[test]
fn a_room_uses_none_below_it() {
    let house = House::read(&sources());
    let wrong = upside_down(&house.imports());
    assert!(
        wrong.is_empty(),
        "{} imports run back up:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let house = House::read(&sources());
    let found = circles(&house.imports());
    assert!(
        found.is_empty(),
        "{} circles:\n{}",
        found.len(),
        found.join("\n\n")
    );
}

#[test]
fn no_room_outgrows_the_house() {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (file, text) in sources() {
        *lines.entry(room_of(&file).to_owned()).or_default() += text.lines().count();
    }
    let all: usize = lines.values().sum();
    for (room, lines) in lines {
        assert!(
            lines * 100 <= all * LARGEST_ROOM,
            "{room} has {lines} of {all} lines, more than {LARGEST_ROOM} %: it is more than one room"
        );
    }
}

#[test]
fn every_module_has_its_file_beside_its_folder() {
    let mods: Vec<String> = sources()
        .into_keys()
        .filter(|f| f.ends_with("/mod.rs"))
        .collect();
    assert!(
        mods.is_empty(),
        "name.rs stands beside name/; found {mods:?}"
    );
}

/// A house of a few files, for what must be found.
fn planted(files: &[(&str, &str)]) -> House {
    House::read(
        &files
            .iter()
            .map(|(f, t)| ((*f).to_owned(), (*t).to_owned()))
            .collect(),
    )
}

#[test]
fn what_runs_back_up_is_found_however_it_is_written() {
    let cli = ("cli.rs", "pub mod view;\npub struct Args;\n");
    let view = ("cli/view.rs", "pub fn draw() {}\n");
    let bus = ("bus.rs", "pub mod link;\n");
    for link in [
        "use crate::cli::Args;\n",
        "use crate::{bus, cli::view::draw};\n",
        "use super::super::cli::Args as Other;\n",
        "fn f() { crate::cli::view::draw() }\n",
        "fn f() { super::super::cli::view::draw() }\n",
        "fn f() -> Option<crate::cli::Args> { None }\n",
        "fn f() { println!(\"{:?}\", crate::cli::Args) }\n",
        "mod inner { use super::super::super::cli::Args; }\n",
        "mod inner { fn f() { super::super::super::cli::view::draw() } }\n",
    ] {
        let house = planted(&[cli, view, bus, ("bus/link.rs", link)]);
        assert_eq!(
            upside_down(&house.imports()).len(),
            1,
            "not found, or not once: {link}"
        );
    }
    for link in [
        "// use crate::cli::Args;\n",
        "/// [`crate::cli::Args`]\nfn f() {}\n",
        "fn f() -> &'static str { \"crate::cli::Args\" }\n",
        "#[cfg(test)]\nmod tests { use crate::cli::Args; }\n",
        "#[cfg(test)]\nuse crate::cli::Args;\nfn f() {}\n",
    ] {
        let house = planted(&[cli, view, bus, ("bus/link.rs", link)]);
        assert_eq!(
            upside_down(&house.imports()),
            Vec::<String>::new(),
            "{link}"
        );
    }
}

#[test]
fn rooms_of_one_floor_do_not_know_each_other() {
    let house = planted(&[
        ("healer.rs", "use crate::mesh::M;\n"),
        ("mesh.rs", "pub struct M;\n"),
    ]);
    assert_eq!(upside_down(&house.imports()).len(), 1);
}

#[test]
fn circles_are_found_through_whoever_hands_a_name_on() {
    // `bus.rs` only hands the names on; who uses whom is between the two files.
    let bus = (
        "bus.rs",
        "mod link;\nmod wire;\npub use link::Link;\npub use wire::Wire;\n",
    );
    let link = ("bus/link.rs", "use super::Wire;\npub struct Link(Wire);\n");
    let closed = planted(&[
        bus,
        link,
        (
            "bus/wire.rs",
            "pub struct Wire(Option<Box<super::Link>>);\n",
        ),
    ]);
    let found = circles(&closed.imports());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("bus/link.rs") && found[0].contains("bus/wire.rs"),
        "{found:?}"
    );

    let open = planted(&[bus, link, ("bus/wire.rs", "pub struct Wire;\n")]);
    assert_eq!(circles(&open.imports()), Vec::<String>::new());
}

#[test]
fn what_a_module_holds_may_look_up_at_it_but_not_across() {
    let bus = (
        "bus.rs",
        "mod link;\nmod wire;\npub use link::Link;\npub struct Bus(Link);\n",
    );
    let link = (
        "bus/link.rs",
        "use super::*;\npub struct Link(Option<Box<Bus>>);\n",
    );
    let house = planted(&[bus, link, ("bus/wire.rs", "pub struct Wire;\n")]);
    assert_eq!(circles(&house.imports()), Vec::<String>::new());

    // Across: a file of another module that the parent uses, and that uses one of its children.
    let seen = ("seen.rs", "pub struct Seen(crate::bus::Link);\n");
    let bus = (
        "bus.rs",
        "pub mod link;\npub use link::Link;\npub struct Bus(Link, crate::seen::Seen);\n",
    );
    let link = (
        "bus/link.rs",
        "pub struct Link(Option<Box<crate::seen::Seen>>);\n",
    );
    let found = circles(&planted(&[bus, link, seen]).imports());
    assert_eq!(found.len(), 1, "{found:?}");
}
