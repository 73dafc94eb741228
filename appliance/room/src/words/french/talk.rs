//! French: hands, messages, rooms of a meeting.

use crate::words::{Mark, Words};

pub(in crate::words) fn hand_of(name: &str) -> String {
    format!("{name} (main levée)")
}

pub(in crate::words) fn encrypted(name: &str) -> String {
    format!("{name} (chiffré, ne peut être montré)")
}

pub(in crate::words) fn written_by(name: &str, text: &str, private: bool) -> String {
    if private {
        format!("{name}, à cette salle seule\u{a0}: {text}")
    } else {
        format!("{name}\u{a0}: {text}")
    }
}

pub(in crate::words) const fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Recorded => "La réunion est enregistrée",
        Mark::Broadcast => "La réunion est diffusée en direct",
        Mark::Transcribed => "Les paroles sont transcrites",
        Mark::HandRaised => "Votre main est levée",
    }
}

pub(in crate::words) fn side_room(name: &str) -> String {
    format!("Salle annexe\u{a0}: {name}")
}

pub(in crate::words) const fn moving() -> Words {
    Words::new(
        "Vers une autre salle de la réunion",
        "Un modérateur vous y envoie\u{a0}; patientez un instant.",
    )
}
