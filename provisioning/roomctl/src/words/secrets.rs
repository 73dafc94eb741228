//! Of secrets, and of configurations that end.

use super::Words;
use crate::secrets::SecretsError;

/// So many names are listed.
const NAMES: usize = 12;

impl Words {
    /// The office has not what sealing needs.
    #[must_use]
    pub fn cannot_seal(self) -> String {
        self.line(
            "secrets are wanted, and the file of --office does not name `boxes` and `marks`: copy boxes.pem and marks.secret from the \
             folder of roomctl init, and name them there"
                .into(),
            "des secrets sont demandés, et le fichier de --office ne nomme pas `boxes` et `marks` : copiez boxes.pem et marks.secret \
             depuis le dossier de roomctl init, et nommez-les"
                .into(),
        )
    }

    /// A box gets none.
    #[must_use]
    pub fn not_sealed(self, error: &SecretsError) -> String {
        match error {
            SecretsError::Stranger(device, why) => self.line(
                format!(
                    "{device}: what stands on the broker as its key is not its own ({why}): nothing was published. Who else can \
                     write there?"
                ),
                format!(
                    "{device} : la clé présentée sur le courtier n'est pas la sienne ({why}) : rien n'a été publié. Qui d'autre peut \
                     y écrire ?"
                ),
            ),
            SecretsError::Seal(device, name, why) => self.line(
                format!("{device}: the secret {name} cannot be sealed: {why}"),
                format!("{device} : le secret {name} ne peut pas être scellé : {why}"),
            ),
        }
    }

    /// Boxes that have not shown a key yet.
    #[must_use]
    pub fn secrets_wait(self, rooms: &[String]) -> String {
        let mut names = rooms.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        if rooms.len() > NAMES {
            names += ", …";
        }
        let many = rooms.len();
        self.line(
            format!("the secrets of {many} rooms wait until their boxes have shown their keys; then apply again: {names}"),
            format!("les secrets de {many} salles attendent que leurs boîtiers aient montré leur clé ; appliquez alors de nouveau : {names}"),
        )
    }

    pub(crate) fn configuration_over(self) -> (String, String) {
        self.pair(
            (
                "Its configuration has reached its end.",
                "The room goes on with it. Apply again, before somebody wonders who still looks after it.",
            ),
            (
                "Sa configuration est arrivée à son terme.",
                "La salle continue avec elle. Appliquez de nouveau pour la renouveler.",
            ),
        )
    }
}
