//! The service with a registry that cannot be reached: what it says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use enrolment::folder::Folder;
use jiff::Timestamp;

#[test]
fn the_password_of_a_registry_that_cannot_be_reached_is_not_said() {
    let files = tempfile::tempdir().unwrap();
    let folder = Folder::new(files.path());
    let tenant = "etat".try_into().unwrap();
    folder.create(&tenant, &["localhost"], Timestamp::now()).unwrap();
    let config = files.path().join("enrolment.toml");
    for url in [
        "postgresql://fleet:open-sesame@127.0.0.1:1/fleet",
        "postgresql://fleet:open-sesame@127.0.0.1:port/fleet",
        "postgresql://fleet:open-sesame@127.0.0.1:1/fleet?sslmode=perhaps",
    ] {
        let text = format!("registry = '{url}'\nfolder = '.'\nbroker = 'localhost:1'\nendpoints = ['localhost:1']\n");
        std::fs::write(&config, text).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_enrolment"));
        let output = program
            .arg("--config")
            .arg(&config)
            .env("RUST_LOG", "trace")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        assert!(!output.status.success() && said[1].contains("the registry"), "{said:?}");
        assert!(!said.concat().contains("open-sesame"), "{said:?}");
    }
}
