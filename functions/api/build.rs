//! Joins the panel's modules into the one script that the API serves.

use std::error::Error;
use std::path::Path;
use std::{env, fs, io};

#[path = "src/panel/join.rs"]
mod join;

/// The module that starts the panel.
const FIRST: &str = "main.js";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("panel");
    println!("cargo::rerun-if-changed=panel");
    println!("cargo::rerun-if-changed=src/panel/join.rs");
    let script = join::join(&read(&folder, "js")?, &read(&folder.join("texts"), "json")?, FIRST)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "Cargo says in the environment where a build script may write"
    )]
    let target = env::var("OUT_DIR")?;
    fs::write(Path::new(&target).join("panel.js"), script)?;
    Ok(())
}

/// The files of a folder with this ending, by their names.
fn read(folder: &Path, ending: &str) -> io::Result<Vec<join::Source>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.extension().is_some_and(|found| found == ending)
        {
            sources.push((name.to_owned(), fs::read_to_string(&path)?));
        }
    }
    sources.sort();
    Ok(sources)
}
