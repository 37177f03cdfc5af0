//! Each screen is what it was when somebody last looked at it. `UPDATE=1` writes what it is now.

use super::scenes;
use super::styled::{draw, text};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/screens/expected")
}

#[test]
fn screens_are_as_they_were_looked_at() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for scene in scenes::all() {
        for (width, height) in [(80, 24), (120, 40)] {
            let name = format!("{}-{width}x{height}.txt", scene.name);
            let path = folder().join(&name);
            let now = text(&draw(&scene.state, width, height));
            known.push(name.clone());
            if update {
                std::fs::write(&path, &now).unwrap();
                continue;
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            if expected != now {
                wrong.push(format!("{name} is now\n{now}"));
            }
        }
    }
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !known.contains(&name) {
            if update {
                std::fs::remove_file(&path).unwrap();
            } else {
                wrong.push(format!("{name} belongs to no scene"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 takes them over", wrong.join("\n"));
}
