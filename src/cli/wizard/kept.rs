//! Files that the window writes for its operator: for nobody else, and never over one that is there.

use crate::model::failure::Failure;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Says where it is.
pub(super) fn write(dir: &Path, name: &str, text: &str) -> Result<String, Failure> {
    let path = dir.join(name);
    let failed = |e: std::io::Error| Failure::local(format!("{}: {e}", path.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(path.display().to_string())
}
