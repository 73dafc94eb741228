//! Of releases that go out in waves.

use enrolment::registry::RolloutError;
use jiff::Timestamp;

use super::Words;
use crate::rollout::conductor::ConductError;
use crate::rollout::{Harm, Note, Reason, State, Trouble};
use crate::view::moment;

/// So many names are listed.
const NAMES: usize = 12;

impl Words {
    /// A rollout has begun.
    #[must_use]
    pub fn rollout_begun(self, id: &str, boxes: usize) -> String {
        self.line(
            format!(
                "Rollout {id} begins: {boxes} boxes. Ctrl-C leaves it as it is; `roomctl rollout resume {id}` takes it up again."
            ),
            format!(
                "Le déploiement {id} commence : {boxes} boîtiers. Ctrl-C le laisse tel quel ; `roomctl rollout resume {id}` le reprend."
            ),
        )
    }

    /// Whoever conducted has left.
    #[must_use]
    pub fn rollout_left(self, id: &str, on_their_way: usize) -> String {
        self.line(
            format!(
                "Rollout {id} is left as it is: no other box begins, the {on_their_way} that have been told go on. \
                 `roomctl rollout resume {id}` takes it up again, `roomctl rollout abort {id}` ends it."
            ),
            format!(
                "Le déploiement {id} reste tel quel : aucun autre boîtier ne commence, les {on_their_way} déjà prévenus continuent. \
                 `roomctl rollout resume {id}` le reprend, `roomctl rollout abort {id}` y met fin."
            ),
        )
    }

    /// The broker is away.
    #[must_use]
    pub fn broker_away(self, why: &str) -> String {
        self.line(
            format!("{why}; the waves wait until it is back"),
            format!("{why} ; les vagues attendent son retour"),
        )
    }

    /// Somebody else wants it.
    #[must_use]
    pub fn wanted_by(self, name: &str) -> String {
        self.line(format!("{name} says:"), format!("{name} demande :"))
    }

    /// What was wanted is done, or will be.
    #[must_use]
    pub fn wished(self, id: &str, conductor: Option<&str>) -> String {
        match conductor {
            Some(name) => self.line(
                format!("{name} conducts rollout {id}, and obeys within seconds"),
                format!("{name} conduit le déploiement {id} et obéira dans quelques secondes"),
            ),
            None => self.line(
                format!("rollout {id}: done; nobody conducts it"),
                format!("déploiement {id} : c'est fait ; personne ne le conduit"),
            ),
        }
    }

    /// Which one is meant?
    #[must_use]
    pub fn which_rollout(self, ids: &[String]) -> String {
        if ids.is_empty() {
            return self.line("no rollout goes on".into(), "aucun déploiement n'est en cours".into());
        }
        let ids = ids.join(", ");
        self.line(
            format!("several rollouts go on, name one: {ids}"),
            format!("plusieurs déploiements sont en cours, nommez-en un : {ids}"),
        )
    }

    /// It is over.
    #[must_use]
    pub fn rollout_over(self, id: &str) -> String {
        self.line(
            format!("rollout {id} is over; `roomctl rollout start` begins another"),
            format!("le déploiement {id} est terminé ; `roomctl rollout start` en commence un autre"),
        )
    }

    /// Our signature does not count there.
    #[must_use]
    pub fn not_for_updates(self, device: &str) -> String {
        self.line(
            format!("{device}: your certificate does not allow you to update it"),
            format!("{device} : votre certificat ne vous permet pas de le mettre à jour"),
        )
    }

    /// Waves that leave somebody out.
    #[must_use]
    pub fn everybody_at_last(self) -> String {
        self.line(
            "the last wave is 100%; for fewer boxes name rooms or a site".into(),
            "la dernière vague est 100% ; pour moins de boîtiers, nommez des salles ou un site".into(),
        )
    }

    /// Nobody was chosen.
    #[must_use]
    pub fn no_boxes(self) -> String {
        self.line(
            "there is no such box".into(),
            "il n'y a aucun boîtier de ce genre".into(),
        )
    }

    /// Why nothing is done.
    #[must_use]
    pub fn not_conducted(self, error: &ConductError) -> String {
        let ConductError::Rollout(error) = error else {
            return error.to_string();
        };
        match error {
            RolloutError::Overlaps { id } => self.line(
                format!("rollout {id} has some of these boxes and is not over: `roomctl rollout status {id}`"),
                format!("le déploiement {id} concerne certains de ces boîtiers et n'est pas fini : `roomctl rollout status {id}`"),
            ),
            RolloutError::Changed(id) => self.line(
                format!("somebody else has changed rollout {id} meanwhile: look, and try again"),
                format!("quelqu'un a modifié le déploiement {id} entre-temps : regardez, puis réessayez"),
            ),
            RolloutError::Held { id, name, until } => {
                let left = until.duration_since(Timestamp::now()).as_secs().max(0);
                self.line(
                    format!(
                        "{name} conducts rollout {id} already. When that program has ended, the seat is free in {left} s at the latest"
                    ),
                    format!(
                        "{name} conduit déjà le déploiement {id}. Si ce programme s'est arrêté, la place est libre dans {left} s au plus tard"
                    ),
                )
            }
            RolloutError::Unknown(id) => self.line(
                format!("no rollout is called {id}; `roomctl rollout status` lists them"),
                format!("aucun déploiement ne s'appelle {id} ; `roomctl rollout status` les montre"),
            ),
            RolloutError::Registry(error) => self.not_claimed(error),
        }
    }

    /// What is with it, in a word.
    #[must_use]
    pub fn rollout_state(self, state: &State) -> String {
        let (english, french) = match state {
            State::Running => ("running", "en cours"),
            State::Paused => ("paused", "en pause"),
            State::Stopped { .. } => ("stopped", "arrêté"),
            State::Aborted => ("aborted", "abandonné"),
            State::Done => ("done", "terminé"),
        };
        self.line(english.into(), french.into())
    }

    /// How a box was harmed.
    #[must_use]
    pub fn harm(self, harm: Harm) -> String {
        let (english, french) = match harm {
            Harm::Failed => ("could not install it", "n'a pas pu l'installer"),
            Harm::RolledBack => ("went back to the release before", "est revenu à la version précédente"),
            Harm::Silent => (
                "is silent though it is usually there",
                "ne répond plus alors qu'il est d'habitude là",
            ),
        };
        self.line(english.into(), french.into())
    }

    /// Something that happened.
    #[must_use]
    pub fn note(self, note: &Note) -> String {
        match note {
            Note::Wave { wave, target } => self.line(
                format!("wave {wave}: until {target} boxes have begun"),
                format!("vague {wave} : jusqu'à {target} boîtiers commencés"),
            ),
            Note::Soaking { wave, until } => self.line(
                format!("wave {wave} is through; the next one begins on {} UTC", moment(*until)),
                format!("la vague {wave} est passée ; la suivante commence le {} UTC", moment(*until)),
            ),
            Note::Started { device } => self.line(format!("{device} begins"), format!("{device} commence")),
            Note::Updated { device } => self.line(format!("{device} runs it"), format!("{device} est à jour")),
            Note::Harmed { device, harm, said } => self.said_by(format!("{device} {}", self.harm(*harm)), said),
            Note::Refused { device, said } => self.said_by(
                self.line(format!("{device}: it is not for this box"), format!("{device} : pas pour ce boîtier")),
                said,
            ),
            Note::Stopped {
                reason,
                started,
                withdrawn,
            } => self.line(
                format!(
                    "STOPPED with {started} begun: {}. Taken back from {withdrawn} that had not installed it yet. \
                     Look at them, then `roomctl rollout resume` or `abort`.",
                    self.reason(reason)
                ),
                format!(
                    "ARRÊT après {started} boîtiers commencés : {}. Retiré à {withdrawn} qui ne l'avaient pas encore installée. \
                     Examinez-les, puis `roomctl rollout resume` ou `abort`.",
                    self.reason(reason)
                ),
            ),
            Note::Paused => self.line("paused: no other box begins".into(), "en pause : aucun autre ne commence".into()),
            Note::Resumed => self.line("it goes on".into(), "le déploiement continue".into()),
            Note::Aborted { withdrawn } => self.line(
                format!("aborted: taken back from {withdrawn} boxes that had not installed it yet"),
                format!("abandonné : retiré à {withdrawn} boîtiers qui ne l'avaient pas encore installée"),
            ),
            Note::Done {
                updated,
                harmed,
                absent,
            } => {
                let mut text = self.line(format!("done: {updated} boxes run it"), format!("terminé : {updated} boîtiers à jour"));
                if *harmed > 0 {
                    text += &self.line(format!(", {harmed} were harmed"), format!(", {harmed} ont échoué"));
                }
                if *absent > 0 {
                    text += &self.line(
                        format!(", {absent} take it when they come back"),
                        format!(", {absent} la prendront à leur retour"),
                    );
                }
                text
            }
        }
    }

    fn said_by(self, text: String, said: &str) -> String {
        if said.is_empty() {
            return text;
        }
        self.line(format!("{text}: {said}"), format!("{text} : {said}"))
    }

    /// Why it has stopped, and which boxes.
    #[must_use]
    pub fn reason(self, reason: &Reason) -> String {
        let (boxes, count) = (names(reason), reason.boxes().len());
        match reason {
            Reason::Harmed { started, .. } => self.line(
                format!("{count} of {started} boxes were harmed ({boxes})"),
                format!("{count} boîtiers sur {started} en difficulté ({boxes})"),
            ),
            Reason::Model { model, started, .. } => self.line(
                format!("model {model} is harmed more than others: {count} of {started} ({boxes})"),
                format!("le modèle {model} échoue plus que les autres : {count} sur {started} ({boxes})"),
            ),
            Reason::Trouble {
                trouble,
                model,
                updated,
                others_affected,
                others,
                ..
            } => {
                let what = match trouble {
                    Trouble::Crash => self.line("have crashed".into(), "ont eu une panne de programme".into()),
                    Trouble::FailedCall => self.line("have lost calls".into(), "ont perdu des appels".into()),
                };
                let of = model.as_ref().map_or_else(String::new, |model| {
                    self.line(format!(" of model {model}"), format!(" du modèle {model}"))
                });
                self.line(
                    format!(
                        "{count} of {updated} updated boxes{of} {what} within a day, and {others_affected} of the {others} others ({boxes})"
                    ),
                    format!(
                        "{count} boîtiers à jour{of} sur {updated} {what} en un jour, contre {others_affected} sur {others} autres ({boxes})"
                    ),
                )
            }
        }
    }

    /// How far it is, in figures.
    #[must_use]
    pub fn how_far(self, started: usize, boxes: usize, on_their_way: usize, harmed: usize) -> String {
        self.line(
            format!("{started} of {boxes}, {on_their_way} on their way, {harmed} harmed"),
            format!("{started} sur {boxes}, {on_their_way} en route, {harmed} en difficulté"),
        )
    }

    /// The next wave begins then.
    #[must_use]
    pub fn soak_until(self, until: Timestamp) -> String {
        self.line(
            format!("next wave {} UTC", moment(until)),
            format!("vague suivante {} UTC", moment(until)),
        )
    }

    /// Nobody conducts it.
    #[must_use]
    pub fn nobody_conducts(self) -> String {
        self.line("nobody".into(), "personne".into())
    }
}

fn names(reason: &Reason) -> String {
    let boxes = reason.boxes();
    let mut names: Vec<&str> = boxes.iter().take(NAMES).map(|device| device.as_str()).collect();
    if boxes.len() > NAMES {
        names.push("…");
    }
    names.join(", ")
}
