//! Of roots that follow one another.

use super::Words;

/// So many names are listed.
const NAMES: usize = 20;

impl Words {
    /// Nothing has begun.
    #[must_use]
    pub fn no_rotation(self) -> String {
        self.line(
            "there is no next root here: `roomctl root begin` makes one".into(),
            "il n'y a pas ici de nouvelle racine : `roomctl root begin` en crée une".into(),
        )
    }

    /// The next root is made known.
    #[must_use]
    pub fn rotation_begun(self, boxes: usize) -> String {
        self.line(
            format!(
                "{boxes} boxes are told to trust the next root too. Next: start the enrolment service anew, so that new boxes are \
                 told as well; `roomctl root status` shows who follows; then `roomctl root switch`.\n\
                 next-root.key belongs into a safe beside root.key."
            ),
            format!(
                "{boxes} boîtiers ont l'ordre de reconnaître aussi la nouvelle racine. Ensuite : relancez le service d'enrôlement, \
                 pour que les nouveaux boîtiers l'aient également ; `roomctl root status` montre qui suit ; puis `roomctl root switch`.\n\
                 next-root.key va au coffre, avec root.key."
            ),
        )
    }

    /// How far it is.
    #[must_use]
    pub fn rotation_stands(self, follow: usize, of: usize, waited: usize, switched: bool) -> String {
        let next = match (waited, switched) {
            (0, false) => "`roomctl root switch`",
            (0, true) => "`roomctl root finish`",
            _ => "",
        };
        match waited {
            0 => self.line(
                format!("{follow} of {of} boxes follow; nobody is waited for: {next}"),
                format!("{follow} boîtiers sur {of} suivent ; personne n'est attendu : {next}"),
            ),
            _ => self.line(
                format!("{follow} of {of} boxes follow; {waited} are waited for"),
                format!("{follow} boîtiers sur {of} suivent ; {waited} sont attendus"),
            ),
        }
    }

    /// Boxes that would be stranded.
    #[must_use]
    pub fn left_behind(self, boxes: &[String]) -> String {
        let mut names = boxes.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        if boxes.len() > NAMES {
            names += ", …";
        }
        let many = boxes.len();
        self.line(
            format!(
                "{many} boxes that were there lately do not follow yet: {names}. Wait, configure or `roomctl forget` them; \
                 --seen-within says what lately is"
            ),
            format!(
                "{many} boîtiers vus récemment ne suivent pas encore : {names}. Attendez, configurez-les ou oubliez-les (`roomctl \
                 forget`) ; --seen-within dit ce que récemment veut dire"
            ),
        )
    }

    /// Signers and broker have their new certificates.
    #[must_use]
    pub fn rotation_switched(self, files: &str) -> String {
        self.line(
            format!(
                "Written: {files}. Next: copy broker.pem to the broker, and signers/ to those who have a part of it; start the broker \
                 and the enrolment service anew; then `roomctl root finish`."
            ),
            format!(
                "Écrits : {files}. Ensuite : copiez broker.pem sur le courtier, et signers/ chez ceux qui en ont une partie ; relancez \
                 le courtier et le service d'enrôlement ; puis `roomctl root finish`."
            ),
        )
    }

    /// It is too early to finish.
    #[must_use]
    pub fn not_switched(self) -> String {
        self.line(
            "signers and broker are still under the old root: `roomctl root switch` first".into(),
            "signataires et courtier sont encore sous l'ancienne racine : d'abord `roomctl root switch`".into(),
        )
    }

    /// The broker has not been started anew.
    #[must_use]
    pub fn broker_not_switched(self, why: &str) -> String {
        self.line(
            format!("the broker does not show a certificate under the next root ({why}): copy broker.pem to it and start it anew"),
            format!("le courtier ne montre pas de certificat sous la nouvelle racine ({why}) : copiez-y broker.pem et relancez-le"),
        )
    }

    /// It is over.
    #[must_use]
    pub fn rotation_finished(self, boxes: usize) -> String {
        self.line(
            format!(
                "{boxes} boxes are told to trust the next root alone, which is root.key from now on. Start the enrolment service anew. \
                 retired-root.key is not needed any more: destroy it."
            ),
            format!(
                "{boxes} boîtiers ont l'ordre de ne plus reconnaître que la nouvelle racine, désormais root.key. Relancez le service \
                 d'enrôlement. retired-root.key ne sert plus : détruisez-la."
            ),
        )
    }
}
