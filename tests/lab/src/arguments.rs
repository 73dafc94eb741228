//! What was typed, as one value.

use std::time::Duration;

/// One order to the lab.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Print a help text: the one of the named command, or the general one.
    Help(Option<String>),
    /// A conference in a box with the room box in it; the rest goes to the program `demo`.
    Demo {
        /// Leave the machine's packages alone.
        no_install: bool,
        /// Arguments handed on as they are.
        passed: Vec<String>,
    },
    /// A fleet of simulated boxes; the rest goes to the program `fleet-lab`.
    Fleet {
        /// Leave the machine's packages alone.
        no_install: bool,
        /// Arguments handed on as they are.
        passed: Vec<String>,
    },
    /// A virtual machine with real kernel devices; the rest goes to the program `hardware-lab`.
    Hardware {
        /// Leave the machine's packages alone.
        no_install: bool,
        /// Arguments handed on as they are.
        passed: Vec<String>,
    },
    /// Everything that must hold before a change lands.
    Test {
        /// Leave the machine's packages alone.
        no_install: bool,
    },
    /// Format and lints only.
    Check,
    /// What can be known of the image's layers without building it.
    Image {
        /// Leave the machine's packages alone.
        no_install: bool,
    },
    /// Deliberately broken clients against the bench; the rest goes to their program.
    Mutants {
        /// Arguments handed on as they are.
        passed: Vec<String>,
    },
    /// The tests marked `#[ignore]` whose name begins with `soak_`; the rest goes to the test binaries.
    Soak {
        /// Arguments handed on as they are.
        passed: Vec<String>,
    },
    /// Every fuzz target for a while.
    Fuzz {
        /// How long each target runs.
        each: Duration,
        /// Only targets whose name contains this.
        only: Option<String>,
    },
    /// The table of Debian packages.
    Packages {
        /// Only those that this machine lacks.
        missing: bool,
        /// Install those that this machine lacks.
        install: bool,
    },
    /// Write the list of crates of the Yocto recipe anew.
    Crates,
    /// Make the recorded input, unless it is there.
    Footage {
        /// Make it again.
        again: bool,
    },
}

/// Reads the words after `cargo lab`. The error is a sentence for the person who typed them.
pub fn parse(words: &[String]) -> Result<Order, String> {
    let Some((command, rest)) = words.split_first() else {
        return Ok(Order::Help(None));
    };
    if matches!(command.as_str(), "--help" | "-h") {
        return Ok(Order::Help(None));
    }
    if command == "help" {
        return Ok(Order::Help(rest.first().cloned()));
    }
    if rest
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| matches!(word.as_str(), "--help" | "-h"))
    {
        return Ok(Order::Help(Some(command.clone())));
    }
    match command.as_str() {
        "demo" => {
            let (no_install, passed) = without(rest, "--no-install");
            Ok(Order::Demo { no_install, passed })
        }
        "fleet" => {
            let (no_install, passed) = without(rest, "--no-install");
            Ok(Order::Fleet { no_install, passed })
        }
        "hardware" => {
            let (no_install, passed) = without(rest, "--no-install");
            Ok(Order::Hardware { no_install, passed })
        }
        "test" => {
            let (no_install, rest) = without(rest, "--no-install");
            nothing_left("test", &rest)?;
            Ok(Order::Test { no_install })
        }
        "check" => nothing_left("check", rest).map(|()| Order::Check),
        "image" => {
            let (no_install, rest) = without(rest, "--no-install");
            nothing_left("image", &rest)?;
            Ok(Order::Image { no_install })
        }
        "crates" => nothing_left("crates", rest).map(|()| Order::Crates),
        "mutants" => Ok(Order::Mutants { passed: rest.to_vec() }),
        "soak" => Ok(Order::Soak { passed: rest.to_vec() }),
        "fuzz" => parse_fuzz(rest),
        "packages" => {
            let (missing, rest) = without(rest, "--missing");
            let (install, rest) = without(&rest, "--install");
            nothing_left("packages", &rest)?;
            Ok(Order::Packages { missing, install })
        }
        "footage" => {
            let (again, rest) = without(rest, "--again");
            nothing_left("footage", &rest)?;
            Ok(Order::Footage { again })
        }
        other => Err(format!("there is no command `{other}`; `cargo lab --help` lists them")),
    }
}

fn parse_fuzz(words: &[String]) -> Result<Order, String> {
    let mut each = Duration::from_secs(60);
    let mut only = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let value = words.next().ok_or("`--seconds` wants a number after it")?;
                let seconds: u64 = value
                    .parse()
                    .ok()
                    .filter(|seconds| (1..=86_400).contains(seconds))
                    .ok_or_else(|| format!("`--seconds {value}`: wanted a whole number from 1 to 86400"))?;
                each = Duration::from_secs(seconds);
            }
            flag if flag.starts_with('-') => return Err(unknown("fuzz", flag)),
            name if only.is_none() => only = Some(name.to_string()),
            extra => return Err(unknown("fuzz", extra)),
        }
    }
    Ok(Order::Fuzz { each, only })
}

/// Whether the flag is among the words, and the words without it.
fn without(words: &[String], flag: &str) -> (bool, Vec<String>) {
    let rest: Vec<String> = words.iter().filter(|word| *word != flag).cloned().collect();
    (rest.len() < words.len(), rest)
}

fn nothing_left(command: &str, rest: &[String]) -> Result<(), String> {
    match rest.first() {
        None => Ok(()),
        Some(word) => Err(unknown(command, word)),
    }
}

fn unknown(command: &str, word: &str) -> String {
    format!("`cargo lab {command}` does not know `{word}`; `cargo lab {command} --help` says what it knows")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Order, String> {
        parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn nothing_typed_shows_the_help() {
        assert_eq!(typed(""), Ok(Order::Help(None)));
        assert_eq!(typed("--help"), Ok(Order::Help(None)));
    }

    #[test]
    fn help_after_a_command_is_about_that_command() {
        assert_eq!(typed("fuzz --help"), Ok(Order::Help(Some("fuzz".into()))));
        assert_eq!(typed("help demo"), Ok(Order::Help(Some("demo".into()))));
    }

    #[test]
    fn demo_hands_on_everything_but_its_own_flag() {
        let passed = ["--for", "20s", "--report", "r.json"].map(String::from).to_vec();
        assert_eq!(
            typed("demo --for 20s --no-install --report r.json"),
            Ok(Order::Demo {
                no_install: true,
                passed
            })
        );
    }

    #[test]
    fn a_mistyped_flag_is_refused_by_name() {
        let refusal = typed("test --no-instal").unwrap_err();
        assert!(refusal.contains("`--no-instal`"), "{refusal}");
    }

    #[test]
    fn an_unknown_command_is_refused_by_name() {
        assert!(typed("dance").unwrap_err().contains("`dance`"));
    }

    #[test]
    fn fuzz_takes_seconds_and_one_target() {
        let order = Order::Fuzz {
            each: Duration::from_secs(5),
            only: Some("stanza".into()),
        };
        assert_eq!(typed("fuzz --seconds 5 stanza"), Ok(order));
        assert!(typed("fuzz --seconds").is_err());
        assert!(typed("fuzz --seconds never").unwrap_err().contains("never"));
        assert!(typed("fuzz --seconds 0").is_err());
        assert!(typed("fuzz one two").is_err());
    }

    #[test]
    fn soak_passes_words_after_two_dashes_untouched() {
        assert_eq!(
            typed("soak -- --help"),
            Ok(Order::Soak {
                passed: vec!["--".into(), "--help".into()]
            })
        );
    }
}
