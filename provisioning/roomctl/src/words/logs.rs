//! Of logs that are read from afar.

use super::Words;

impl Words {
    /// A box whose log is wanted is not there: why, or since when.
    #[must_use]
    pub fn log_is_away(self, room: &str, why: &str, waits: bool) -> String {
        if waits {
            return self.line(
                format!("{room} is not there ({why}); its lines come when it is back. `roomctl doctor` says more, Ctrl-C ends this"),
                format!(
                    "{room} n'est pas là ({why}) ; ses lignes viendront à son retour. `roomctl doctor` en dit plus, Ctrl-C arrête"
                ),
            );
        }
        self.line(
            format!("{room} is not there ({why}): its log stays in it. `roomctl doctor` says why, --follow waits until it is back"),
            format!("{room} n'est pas là ({why}) : son journal reste dans le boîtier. `roomctl doctor` dit pourquoi, --follow attend son retour"),
        )
    }

    /// It is there again.
    #[must_use]
    pub fn log_is_back(self, room: &str) -> String {
        self.line(format!("{room} is back"), format!("{room} est de retour"))
    }

    /// An answer had no room for these.
    #[must_use]
    pub fn lines_left_out(self, lines: u64, room: &str) -> String {
        self.line(
            format!("{lines} older lines are left out: `roomctl command '{room}' logs.collect url=@FILE` sends all of them to a server"),
            format!("{lines} lignes plus anciennes manquent : `roomctl command '{room}' logs.collect url=@FICHIER` les envoie toutes à un serveur"),
        )
    }

    /// They came faster than a box may send.
    #[must_use]
    pub fn lines_missed(self, lines: u64) -> String {
        self.line(
            format!("{lines} lines are missing here: there were too many"),
            format!("{lines} lignes manquent ici : il y en avait trop"),
        )
    }

    /// No box keeps its lines for so long.
    #[must_use]
    pub fn too_long_ago(self) -> String {
        self.line("--since is a day at most".into(), "--since va jusqu'à un jour".into())
    }
}
