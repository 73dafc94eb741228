//! Of releases that go out in waves.

mod notes;

use enrolment::registry::RolloutError;
use jiff::Timestamp;

use super::Words;
use crate::rollout::State;
use crate::rollout::conductor::ConductError;
use crate::view::moment;

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

    /// It is written down; whoever conducts has still to do it.
    #[must_use]
    pub fn wished(self, id: &str, conductor: &str) -> String {
        self.line(
            format!("{conductor} conducts rollout {id} and has been told; waiting until it is done"),
            format!("{conductor} conduit le déploiement {id} et en est averti ; en attente que ce soit fait"),
        )
    }

    /// What was wanted is done.
    #[must_use]
    pub fn obeyed(self, id: &str, conductor: Option<&str>, state: &State) -> String {
        let state = self.rollout_state(state);
        match conductor {
            Some(name) => self.line(
                format!("{name} conducts rollout {id}, and has obeyed: {state}"),
                format!("{name} conduit le déploiement {id} et a obéi : {state}"),
            ),
            None => self.line(
                format!("rollout {id}: {state}; nobody conducts it"),
                format!("déploiement {id} : {state} ; personne ne le conduit"),
            ),
        }
    }

    /// Whoever conducts is there and does nothing.
    #[must_use]
    pub fn not_obeyed(self, id: &str, conductor: &str) -> String {
        self.line(
            format!(
                "{conductor} conducts rollout {id} and has not obeyed yet: perhaps the broker is away. It stays written down; \
                 whoever conducts next obeys it, too"
            ),
            format!(
                "{conductor} conduit le déploiement {id} et n'a pas encore obéi : le serveur MQTT est peut-être absent. La demande \
                 reste notée ; qui conduira ensuite y obéira aussi"
            ),
        )
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
        let error = match error {
            ConductError::Rollout(error) => error,
            ConductError::Lost(id) => {
                return self.line(
                    format!("somebody else conducts rollout {id} by now; this program does nothing more"),
                    format!("quelqu'un d'autre conduit désormais le déploiement {id} ; ce programme ne fait plus rien"),
                );
            }
            other => return other.to_string(),
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
            RolloutError::Ending { id, by } => self.line(
                format!("{by} wants rollout {id} to end, and that stays so: `roomctl rollout abort {id}` waits for it, or does it"),
                format!("{by} demande la fin du déploiement {id}, et cela reste : `roomctl rollout abort {id}` l'attend, ou s'en charge"),
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
