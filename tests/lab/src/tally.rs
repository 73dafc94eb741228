//! Counting: what cargo's test runner printed, and the closing line.

use std::fmt;

/// What passed, failed and was skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were skipped.
    pub skipped: usize,
    /// What failed, by name, and how.
    pub failures: Vec<String>,
    /// What was skipped with a reason worth telling.
    pub reasons: Vec<String>,
    /// Tests that said so themselves; the runner counts them as passed.
    unmade: usize,
}

impl Tally {
    /// Counts one check.
    pub fn check(&mut self, name: &str, good: bool, how: &str) {
        if good {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(format!("{name}: {how}"));
        }
    }

    /// Counts one check that could not be made.
    pub fn skip(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        self.reasons.push(format!("{name}: {reason}"));
    }

    /// Reads one line of the test runner's output.
    pub fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += count(rest, " passed");
            self.failed += count(rest, " failed");
            self.skipped += count(rest, " ignored");
        } else if let Some(reason) = line.strip_prefix("skipped: ") {
            self.unmade += 1;
            self.skipped += 1;
            self.reasons.push(reason.to_string());
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_string());
        }
    }

    /// Closes a part made of tests. A runner that fails without a failed test (a crash, code that does not compile)
    /// is one failure, and so is one that ran no test at all without saying why.
    pub fn close_tests(&mut self, part: &str, good: bool, how: &str) {
        let unmade = std::mem::take(&mut self.unmade);
        self.passed = self.passed.saturating_sub(unmade);
        if !good && self.failed == 0 {
            self.check(
                part,
                false,
                &format!("{how}, without a failed test: it crashed or did not compile"),
            );
        } else if good && self.passed == 0 && unmade == 0 {
            self.check(part, false, "not one test ran");
        }
    }

    /// Adds the counts of a part, with the part's name before each failure.
    pub fn add(&mut self, part: &str, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures
            .extend(other.failures.into_iter().map(|failure| format!("{part}: {failure}")));
        self.reasons.extend(other.reasons);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The number that stands before `word`.
fn count(line: &str, word: &str) -> usize {
    line.split(word)
        .next()
        .filter(|before| before.len() < line.len())
        .map_or(0, |before| {
            before
                .rsplit(|letter: char| !letter.is_ascii_digit())
                .next()
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let tally = read(
            "test room::tests::leaves ... ok\n\
             test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.31s\n\
             test wall::shows ... FAILED\n\
             test result: FAILED. 103 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 9.00s",
        );
        assert_eq!((tally.passed, tally.failed, tally.skipped), (115, 1, 2));
        assert_eq!(tally.failures, ["wall::shows"]);
    }

    #[test]
    fn a_test_that_says_that_it_was_skipped_did_not_pass() {
        let mut tally = read(
            "test browser::sees ... \nskipped: a web browser: there is no chromium here\nok\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        tally.close_tests("end to end", true, "");
        assert_eq!((tally.passed, tally.skipped), (2, 1));
        assert_eq!(tally.reasons, ["a web browser: there is no chromium here"]);
    }

    #[test]
    fn what_a_test_prints_does_not_count() {
        assert_eq!(
            read("the test result: ok. 5 passed; 0 failed\n5 passed, 0 failed"),
            Tally::default()
        );
    }

    #[test]
    fn a_runner_that_dies_without_a_failed_test_is_a_failure() {
        let mut tally = read("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.close_tests("end to end", false, "signal: 11");
        assert_eq!((tally.passed, tally.failed), (3, 1));
        assert!(tally.failures[0].contains("signal: 11"));
    }

    #[test]
    fn a_failed_test_is_not_counted_twice() {
        let mut tally = read("test a ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured");
        tally.close_tests("unit", false, "exit status: 101");
        assert_eq!(tally.failed, 1);
    }

    #[test]
    fn a_runner_that_ran_no_test_is_a_failure() {
        let mut tally = read("test result: ok. 0 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out");
        tally.close_tests("unit", true, "exit status: 0");
        assert_eq!(tally.failed, 1);
    }

    #[test]
    fn a_part_that_says_why_it_could_not_be_told_is_skipped() {
        let mut tally = read("skipped: hardware: there is no qemu-system-x86_64");
        tally.close_tests("hardware", true, "exit status: 0");
        assert_eq!((tally.failed, tally.skipped), (0, 1));
    }

    #[test]
    fn the_closing_line_is_plain() {
        let mut tally = Tally::default();
        tally.check("format", true, "");
        tally.skip("advisories", "no database");
        assert_eq!(tally.to_string(), "1 passed, 0 failed, 1 skipped");
    }
}
