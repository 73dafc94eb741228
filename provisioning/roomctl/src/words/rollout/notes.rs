//! What happens in a rollout.

use crate::rollout::{Harm, Note, Reason, Trouble};
use crate::view::moment;
use crate::words::Words;

/// So many names are listed.
const NAMES: usize = 12;

impl Words {
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
            Note::Undelivered { device, said } => self.said_by(
                self.line(
                    format!("{device}: the release could not be taken back"),
                    format!("{device} : la version n'a pas pu être retirée"),
                ),
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
                unheard,
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
                if *unheard > 0 {
                    text += &self.line(
                        format!(", {unheard} were left out, for nobody has ever heard of them"),
                        format!(", {unheard} jamais entendus ont été laissés de côté"),
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
}

fn names(reason: &Reason) -> String {
    let boxes = reason.boxes();
    let mut names: Vec<&str> = boxes.iter().take(NAMES).map(|device| device.as_str()).collect();
    if boxes.len() > NAMES {
        names.push("…");
    }
    names.join(", ")
}
