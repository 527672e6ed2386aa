//! Builds the tracker and puts it where `src/scenario/tracker.rs` embeds it: the installed program is one file.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// What the outer build sets for its own crates, and would break the tracker's.
const NOT_FOR_THE_TRACKER: [&str; 6] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
];

/// The linker of the tracker, where a release needs one that knows older C libraries than the machine's own.
const LINKER: &str = "LEAKGATE_TRACKER_LINKER";

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["tracker", "capture", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={LINKER}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let library = out.join("libleakgate.so");
    if env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        // The tracker is for Linux; elsewhere the program can show and judge what was recorded there.
        std::fs::write(library, [])?;
        return Ok(());
    }
    // A musl build of the program still tracks glibc programs.
    let target = env::var("TARGET")?.replace("musl", "gnu");
    let folder = out.join("tracker");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.args(["build", "--package", "leakgate-tracker", "--profile", "tracker", "--target", &target]);
    cargo.arg("--target-dir").arg(&folder).current_dir(env::var("CARGO_MANIFEST_DIR")?);
    for name in NOT_FOR_THE_TRACKER {
        cargo.env_remove(name);
    }
    // Profilers and leak sanitizers walk through its functions by their frame pointers.
    cargo.env("RUSTFLAGS", "-C force-frame-pointers=yes");
    if let Some(linker) = env::var_os(LINKER) {
        let target = target.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{target}_LINKER"), linker);
    }
    if !cargo.status()?.success() {
        return Err("failed to build the tracker".into());
    }
    std::fs::copy(folder.join(target).join("tracker/libleakgate_tracker.so"), library)?;
    Ok(())
}
