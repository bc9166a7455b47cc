//! What `scripts/images.sh` made: images that hold one static binary, and no more.

use std::process::Command;

use serde_json::Value;

use crate::support::containers::{docker, run, top, try_run, unique, wanted};
use crate::support::is_full;

/// Largest shipped binary of each image, in bytes.
const LIMITS: [(&str, u64); 9] = [
    ("bootstrap", 2_200_000),
    ("massive", 3_500_000),
    ("mesh", 2_700_000),
    ("vexy_ai", 4_000_000),
    ("healer", 4_300_000),
    ("sentinel", 4_100_000),
    ("rss_agg", 4_500_000),
    ("console", 3_600_000),
    ("marketswarm", 6_200_000),
];

#[test]
fn an_image_is_its_binary_and_nothing_else() {
    if !wanted("images") {
        return;
    }
    for (name, limit) in LIMITS {
        let image = format!("marketswarm/{name}:latest");
        let inspected: Value =
            serde_json::from_str(&docker(&["image", "inspect", &image])).unwrap();
        assert_eq!(
            inspected[0]["Config"]["User"], "65532:65532",
            "{name} does not run as root"
        );

        let container = unique("msimage");
        docker(&["create", "--name", &container, &image]);
        let export = format!("docker export {container} | tar -tv");
        let (listed, listing) = try_run(Command::new("sh").args(["-c", &export]));
        docker(&["rm", &container]);
        assert!(listed, "{listing}");
        let files: Vec<&str> = listing
            .lines()
            .filter(|line| line.starts_with('-') && !line.ends_with(".dockerenv"))
            .collect();
        // The engine itself adds empty mount points (etc/hosts and the like).
        let (own, mount_points): (Vec<&str>, Vec<&str>) =
            files.iter().partition(|line| size(line) > 0);
        assert!(
            mount_points
                .iter()
                .all(|line| line.contains(" etc/") || line.contains(" dev/")),
            "{mount_points:?}"
        );
        assert_eq!(own.len(), 1, "{name} holds one file: {own:?}");
        assert!(own[0].ends_with(&format!(" {name}")), "{own:?}");
        assert!(
            size(own[0]) <= limit,
            "{name} has {} bytes, more than {limit}",
            size(own[0])
        );
    }
}

#[test]
fn an_image_has_no_shell_and_its_binary_runs_with_nothing() {
    if !wanted("images") {
        return;
    }
    for (name, _) in LIMITS {
        let image = format!("marketswarm/{name}:latest");
        let bare = [
            "run",
            "--rm",
            "--network=none",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
        ];
        let version = docker(&[&bare[..], &[&image, "--version"]].concat());
        assert!(
            version.contains(env!("CARGO_PKG_VERSION")),
            "{name}: {version}"
        );
        let (ran, _) = try_run(Command::new("docker").args([
            "run",
            "--rm",
            "--entrypoint=/bin/sh",
            &image,
            "-c",
            "true",
        ]));
        assert!(!ran, "{name} has a shell");
    }
}

/// The size column of a line of `tar -tv`.
fn size(line: &str) -> u64 {
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// An image of this machine's toolchain; gone at the end.
struct BuildImage(String);

impl BuildImage {
    fn of_this_machine() -> BuildImage {
        let name = unique("msbuild");
        run(Command::new(top().join("tests/support/build_image.sh")).arg(&name));
        BuildImage(name)
    }
}

impl Drop for BuildImage {
    fn drop(&mut self) {
        try_run(Command::new("docker").args(["rmi", &self.0]));
    }
}

#[test]
fn without_rust_on_the_machine_the_programs_are_built_in_a_container() {
    if !wanted("images") {
        return;
    }
    let image = BuildImage::of_this_machine();
    let folder = tempfile::tempdir().unwrap();
    // A copy, so that what cargo keeps there is nobody else's; and a PATH in which there is no cargo.
    let source = folder.path().join("source");
    let copy = format!(
        "mkdir {0} && git ls-files -z | xargs -0 cp --parents -t {0}",
        source.display()
    );
    run(Command::new("sh").args(["-c", &copy]).current_dir(top()));
    let built = folder.path().join("built");
    // One program takes a third of the time of all, and shows the same of the container.
    let names: Vec<&str> = match is_full() {
        true => LIMITS.iter().map(|(name, _)| *name).collect(),
        false => vec!["bootstrap"],
    };
    let build = format!(
        ". scripts/lib.sh && programs=({}) && build_static {}",
        names.join(" "),
        built.display()
    );
    let said = run(Command::new("bash")
        .args(["-euc", &build])
        .current_dir(&source)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", folder.path())
        .env("BUILD_IMAGE", &image.0));
    assert!(said.contains("in a container of"), "{said}");
    for name in names {
        let file = built.join(name);
        let needs = try_run(Command::new("ldd").arg(&file)).1;
        let is_static = ["statically linked", "not a dynamic executable"];
        assert!(
            is_static.iter().any(|words| needs.contains(words)),
            "{name}: {needs}"
        );
        let version = run(Command::new(&file).arg("--version"));
        assert!(version.starts_with(name), "{version}");
    }
}
