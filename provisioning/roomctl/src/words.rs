//! The sentences that people read, in English and in French.

mod logs;
mod rollout;
mod root;
mod secrets;

use enrolment::registry::{Claimed, RegistryError};
use fleet::contract::{DeviceId, Room};

use crate::claim::HandedOver;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// English.
    English,
    /// French.
    French,
}

use Words::{English, French};

impl Words {
    /// As `LC_ALL`, `LC_MESSAGES` and `LANG` say, the first of them that is set.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        match set.into_iter().find(|value| !value.is_empty()) {
            Some(value) if value.starts_with("fr") => French,
            _ => English,
        }
    }

    fn pair(self, english: (&str, &str), french: (&str, &str)) -> (String, String) {
        let (what, advice) = match self {
            English => english,
            French => french,
        };
        (what.into(), advice.into())
    }

    fn line(self, english: String, french: String) -> String {
        match self {
            English => english,
            French => french,
        }
    }

    pub(crate) fn never_seen(self, device: &DeviceId) -> (String, String) {
        self.pair(
            (
                &format!("{device} has never been there."),
                "Is it enrolled and plugged in? `roomctl get` shows those that are.",
            ),
            (
                &format!("{device} ne s'est jamais présenté."),
                "Est-il enrôlé et branché ? `roomctl get` montre ceux qui le sont.",
            ),
        )
    }

    pub(crate) fn lost(self) -> (String, String) {
        self.pair(
            (
                "The box is gone without a goodbye.",
                "Look at its power and its network.",
            ),
            (
                "Le boîtier a disparu sans prévenir.",
                "Vérifiez son alimentation et son réseau.",
            ),
        )
    }

    pub(crate) fn asleep(self) -> (String, String) {
        self.pair(
            ("The box sleeps.", "It wakes when somebody enters the room."),
            (
                "Le boîtier est en veille.",
                "Il se réveille quand quelqu'un entre dans la salle.",
            ),
        )
    }

    pub(crate) fn restarts(self) -> (String, String) {
        self.pair(
            ("The box restarts.", "It is back in a minute or two."),
            ("Le boîtier redémarre.", "Il revient dans une minute ou deux."),
        )
    }

    pub(crate) fn certificate_over(self) -> (String, String) {
        self.pair(
            (
                "Its certificate has run out.",
                "Enrol it again: one scan of its code is enough.",
            ),
            (
                "Son certificat a expiré.",
                "Enrôlez-le de nouveau : il suffit de lire son code.",
            ),
        )
    }

    pub(crate) fn certificate_ends(self, days: i64) -> (String, String) {
        self.pair(
            (
                &format!("Its certificate ends in {days} days and has not been renewed."),
                "Does the enrolment service run?",
            ),
            (
                &format!("Son certificat expire dans {days} jours et n'a pas été renouvelé."),
                "Le service d'enrôlement fonctionne-t-il ?",
            ),
        )
    }

    pub(crate) fn no_configuration(self) -> (String, String) {
        self.pair(
            ("Nobody has configured it.", "`roomctl apply -f FOLDER`."),
            ("Personne ne l'a configuré.", "`roomctl apply -f DOSSIER`."),
        )
    }

    pub(crate) fn configuration_unanswered(self, rev: u64) -> (String, String) {
        self.pair(
            (
                &format!("It has not said what it makes of configuration {rev}."),
                "If it is connected, it may not trust the signer: look at `roomctl events`.",
            ),
            (
                &format!("Il n'a pas dit ce qu'il fait de la configuration {rev}."),
                "S'il est connecté, il ne reconnaît peut-être pas le signataire : voyez `roomctl events`.",
            ),
        )
    }

    pub(crate) fn configuration_rejected(self, rev: u64, why: &str) -> (String, String) {
        self.pair(
            (
                &format!("It refuses configuration {rev}: {why}"),
                "Correct the field and apply again.",
            ),
            (
                &format!("Il refuse la configuration {rev} : {why}"),
                "Corrigez le champ et appliquez de nouveau.",
            ),
        )
    }

    pub(crate) fn configuration_rolled_back(self, rev: u64) -> (String, String) {
        self.pair(
            (
                &format!("With configuration {rev} it did not reach the broker, and went back."),
                "Look at what it changes under net.",
            ),
            (
                &format!("Avec la configuration {rev}, il n'a pas joint le serveur et est revenu en arrière."),
                "Regardez ce qu'elle change sous net.",
            ),
        )
    }

    pub(crate) fn configuration_pending(self, rev: u64) -> (String, String) {
        self.pair(
            (
                &format!("Configuration {rev} waits until the room is free."),
                "Nothing is to be done.",
            ),
            (
                &format!("La configuration {rev} attend que la salle soit libre."),
                "Il n'y a rien à faire.",
            ),
        )
    }

    pub(crate) fn drift(self, paths: &str) -> (String, String) {
        self.pair(
            (
                &format!("Somebody changed in the room: {paths}."),
                "Apply again to undo it, or take it over.",
            ),
            (
                &format!("Quelqu'un a modifié dans la salle : {paths}."),
                "Appliquez de nouveau pour l'annuler, ou reprenez-le.",
            ),
        )
    }

    pub(crate) fn update_failed(self, phase: &str, why: &str) -> (String, String) {
        self.pair(
            (
                &format!("Its last update ended as {phase}. {why}"),
                "It is not tried again until the release changes.",
            ),
            (
                &format!("Sa dernière mise à jour s'est terminée ainsi : {phase}. {why}"),
                "Elle n'est pas retentée tant que la version ne change pas.",
            ),
        )
    }

    pub(crate) fn says_itself(self, problem: &str) -> (String, String) {
        self.pair(
            (
                &format!("The box says: {problem}"),
                "`roomctl describe` shows the rest.",
            ),
            (
                &format!("Le boîtier dit : {problem}"),
                "`roomctl describe` montre le reste.",
            ),
        )
    }

    /// Nothing speaks against a room.
    #[must_use]
    pub fn well(self, room: &str) -> String {
        self.line(format!("{room} is well."), format!("{room} va bien."))
    }

    /// No box has that name.
    #[must_use]
    pub fn unknown(self, names: &str) -> String {
        self.line(
            format!("no box and no room is called {names}; `roomctl get` lists them"),
            format!("aucun boîtier ni aucune salle ne s'appelle {names} ; `roomctl get` les montre"),
        )
    }

    /// Nobody was chosen.
    #[must_use]
    pub fn nobody(self) -> String {
        self.line(
            "name a room, or say --site SITE or --all".into(),
            "nommez une salle, ou dites --site SITE ou --all".into(),
        )
    }

    /// What `apply --dry-run` would do.
    #[must_use]
    pub fn proposed(self, changed: usize, same: usize) -> String {
        self.line(
            format!("{changed} would be published, {same} unchanged"),
            format!("{changed} seraient publiées, {same} inchangées"),
        )
    }

    /// What `apply` did.
    #[must_use]
    pub fn published(self, published: usize, same: usize) -> String {
        self.line(
            format!("{published} published, {same} unchanged"),
            format!("{published} publiées, {same} inchangées"),
        )
    }

    /// What boxes made of it.
    #[must_use]
    pub fn applied(self, applied: usize, of: usize) -> String {
        self.line(
            format!("{applied} of {of} rooms have applied it"),
            format!("{applied} salles sur {of} l'ont appliquée"),
        )
    }

    /// Those that are off.
    #[must_use]
    pub fn silent(self, rooms: &str) -> String {
        self.line(
            format!("no word yet from {rooms}: they take it when they are back"),
            format!("pas encore de réponse de {rooms} : ils la prendront à leur retour"),
        )
    }

    /// Somebody else was faster.
    #[must_use]
    pub fn conflict(self, device: &str, by: &str, rev: u64) -> String {
        self.line(
            format!("{device}: {by} changed it meanwhile (revision {rev}); yours is refused. Look, and apply again"),
            format!(
                "{device} : {by} l'a modifié entre-temps (révision {rev}) ; la vôtre est refusée. Regardez, puis appliquez de nouveau"
            ),
        )
    }

    /// Our signature does not count there.
    #[must_use]
    pub fn disbelieved(self, device: &str) -> String {
        self.line(
            format!("{device}: your certificate does not allow you to configure it"),
            format!("{device} : votre certificat ne vous permet pas de le configurer"),
        )
    }

    /// A notice is out.
    #[must_use]
    pub fn noticed(self, walls: Option<usize>) -> String {
        match walls {
            Some(walls) => self.line(format!("on {walls} walls"), format!("sur {walls} murs")),
            None => self.line("on every wall".into(), "sur tous les murs".into()),
        }
    }
}

/// Of boxes that come and go.
impl Words {
    /// There is a fleet.
    #[must_use]
    pub fn begun(self, folder: &str) -> String {
        self.line(
            format!(
                "A fleet begins in {folder}.\n\
                 Next: copy broker/mosquitto to the broker's machine and start Mosquitto with its mosquitto.conf,\n\
                 start the enrolment service (enrolment --config {folder}/enrolment.toml), then roomctl claim.\n\
                 root.key and maker.key belong into a safe."
            ),
            format!(
                "Une flotte commence dans {folder}.\n\
                 Ensuite : copier broker/mosquitto sur la machine du courtier et y lancer Mosquitto avec mosquitto.conf,\n\
                 lancer le service d'enrôlement (enrolment --config {folder}/enrolment.toml), puis roomctl claim.\n\
                 root.key et maker.key vont au coffre."
            ),
        )
    }

    /// Boxes have their first key.
    #[must_use]
    pub fn delivered(self, boxes: usize, folder: &str) -> String {
        match boxes {
            1 => self.line(
                format!("1 box: what {folder} has goes onto it, and nowhere else"),
                format!("1 boîtier : ce que contient {folder} va sur lui, et nulle part ailleurs"),
            ),
            _ => self.line(
                format!("{boxes} boxes: each folder in {folder} goes onto its box, and nowhere else"),
                format!("{boxes} boîtiers : chaque dossier de {folder} va sur le sien, et nulle part ailleurs"),
            ),
        }
    }

    /// Nobody has said where boxes enrol.
    #[must_use]
    pub fn no_enrolment(self) -> String {
        self.line(
            "roomctl.toml has no enrolment: say --enrolment HOST:PORT, the broker's listener for boxes that nobody knows yet".into(),
            "roomctl.toml n'a pas d'enrolment : dites --enrolment HÔTE:PORT, l'écoute du courtier pour les boîtiers inconnus".into(),
        )
    }

    /// What a claim changed.
    #[must_use]
    pub fn claimed(self, claimed: &Claimed) -> String {
        match claimed {
            Claimed::New => self.line("new".into(), "nouveau".into()),
            Claimed::Unchanged => self.line("unchanged".into(), "inchangé".into()),
            Claimed::Moved => self.line("moved".into(), "déplacé".into()),
            Claimed::Replaced(old) => self.line(format!("replaces {old}"), format!("remplace {old}")),
        }
    }

    /// Why a claim is refused.
    #[must_use]
    pub fn not_claimed(self, error: &RegistryError) -> String {
        match error {
            RegistryError::Taken { serial, place } => self.line(
                format!("{serial} belongs to {place}; --replace takes it away from there"),
                format!("{serial} est à {place} ; --replace l'en retire"),
            ),
            RegistryError::Occupied { room, occupant } => self.line(
                format!("{room} has a box, {occupant}; --replace puts this one in its place"),
                format!("{room} a déjà un boîtier, {occupant} ; --replace met celui-ci à sa place"),
            ),
            RegistryError::Blocked(serial) => self.line(
                format!("{serial} is blocked; --replace lets it in again"),
                format!("{serial} est bloqué ; --replace l'admet de nouveau"),
            ),
            RegistryError::Unknown(serial) => {
                self.line(format!("{serial} is nobody's"), format!("{serial} n'est à personne"))
            }
            RegistryError::Database(why) => self.line(format!("the registry: {why}"), format!("le registre : {why}")),
        }
    }

    /// What became of a room's configuration when its box was replaced.
    #[must_use]
    pub fn handed_over(self, room: &Room, handed: &HandedOver) -> String {
        match handed {
            HandedOver::Nothing => self.line(
                format!("{room}: the box before had no configuration"),
                format!("{room} : le boîtier précédent n'avait pas de configuration"),
            ),
            HandedOver::Configuration { missing } if missing.is_empty() => self.line(
                format!("{room}: the new box has the configuration"),
                format!("{room} : le nouveau boîtier a la configuration"),
            ),
            HandedOver::Configuration { missing } => self.line(
                format!(
                    "{room}: the new box has the configuration; apply again: {}",
                    missing.join(", ")
                ),
                format!(
                    "{room} : le nouveau boîtier a la configuration ; à appliquer de nouveau : {}",
                    missing.join(", ")
                ),
            ),
        }
    }

    /// What nobody trusted was not signed again.
    #[must_use]
    pub fn not_signed_again(self, device: &str) -> String {
        self.line(
            format!("{device}: its configuration was signed by nobody whom it believes; apply it again"),
            format!("{device} : sa configuration n'est signée par personne qu'il reconnaisse ; à appliquer de nouveau"),
        )
    }

    /// Nothing is left.
    #[must_use]
    pub fn forgotten(self, entries: usize) -> String {
        self.line(
            format!("{entries} entries forgotten"),
            format!("{entries} entrées oubliées"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which_language() {
        let with = |pairs: &'static [(&str, &str)]| {
            Words::of_environment(move |name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[("LANG", "fr_FR.UTF-8")]), French);
        assert_eq!(with(&[("LANG", "fr_FR.UTF-8"), ("LC_ALL", "C")]), English);
        assert_eq!(with(&[("LANG", "fr_FR.UTF-8"), ("LC_ALL", "")]), French);
        assert_eq!(with(&[]), English);
    }
}
