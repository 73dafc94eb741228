//! French. `\u{a0}` is the space that stands before `:`, `;`, `?` and `!` and does not break the line.

mod notice;
mod talk;

pub(super) use notice::notice;
pub(super) use talk::{encrypted, hand_of, mark, moving, side_room, written_by};

use media_protocol::DeviceFault;

use super::{DeviceWord, Words};
use crate::conference::{Device, JoinStep, WaitReason};
use crate::outcome::Outcome;
use crate::remote::StickRefusal;
use crate::snapshot::WaitingFor;

pub(super) const fn outcome(outcome: Outcome) -> Words {
    match outcome {
        Outcome::Left => Words::new(
            "Réunion quittée",
            "Plus personne ne vous voit ni ne vous entend\u{a0}; vous pouvez rejoindre une autre réunion.",
        ),
        Outcome::MeetingEnded => Words::new(
            "Réunion terminée",
            "Un modérateur y a mis fin pour tout le monde\u{a0}; vous n’avez rien à faire.",
        ),
        Outcome::NobodyLeft => Words::new(
            "Plus personne en réunion",
            "Vous étiez seuls et l’appareil est sorti\u{a0}; rejoignez la réunion quand les autres y seront.",
        ),
        Outcome::Kicked => Words::new(
            "Salle retirée de la réunion",
            "Un modérateur a retiré cette salle\u{a0}; parlez-lui avant de rejoindre de nouveau la réunion.",
        ),
        Outcome::Banned => Words::new(
            "Salle exclue de la réunion",
            "Un modérateur a exclu cette salle\u{a0}; parlez-en à l’organisateur.",
        ),
        Outcome::WrongUrl => Words::new(
            "Adresse incorrecte",
            "Cette adresse n’est pas celle d’une réunion\u{a0}; vérifiez-la sur l’invitation et saisissez-la de nouveau.",
        ),
        Outcome::HostUnreachable => Words::new(
            "Service injoignable",
            "Rien ne répond à cette adresse\u{a0}; vérifiez l’adresse et le câble réseau, puis appelez l’assistance.",
        ),
        Outcome::CertificateRefused => Words::new(
            "Service non reconnu",
            "L’identité du service ne peut pas être vérifiée\u{a0}; n’insistez pas et prévenez l’assistance.",
        ),
        Outcome::NotAConference => Words::new(
            "Pas de réunion à cette adresse",
            "Un site répond, mais ce n’est pas un service de réunion connu\u{a0}; vérifiez l’adresse sur l’invitation.",
        ),
        Outcome::ConnectionRefused => Words::new(
            "Connexion refusée",
            "Le service a refusé la connexion\u{a0}; réessayez dans quelques minutes, puis appelez l’assistance.",
        ),
        Outcome::ProxyUnreachable => Words::new(
            "Proxy injoignable",
            "Le serveur mandataire du réseau ne répond pas\u{a0}; vérifiez le câble réseau, puis prévenez l’assistance.",
        ),
        Outcome::ProxyCredentials => Words::new(
            "Proxy\u{a0}: identification refusée",
            "Le serveur mandataire du réseau demande un identifiant et un mot de passe\u{a0}; prévenez l’assistance.",
        ),
        Outcome::ProxyRefused => Words::new(
            "Bloqué par le réseau",
            "Le serveur mandataire du réseau ne laisse pas passer vers ce service\u{a0}; vérifiez l’adresse, puis prévenez l’assistance.",
        ),
        Outcome::TokenRefused => Words::new(
            "Lien refusé",
            "Le service n’accepte pas ce lien d’accès\u{a0}; demandez un nouveau lien à l’organisateur.",
        ),
        Outcome::TokenExpired => Words::new(
            "Lien périmé",
            "Ce lien d’accès n’est plus valable\u{a0}; demandez un nouveau lien à l’organisateur.",
        ),
        Outcome::TokenForAnotherRoom => Words::new(
            "Lien d’une autre réunion",
            "Ce lien d’accès ouvre une autre réunion\u{a0}; demandez à l’organisateur le lien de celle-ci.",
        ),
        Outcome::AccountRefused => Words::new(
            "Compte refusé",
            "Le service refuse l’identifiant ou le mot de passe de cette salle\u{a0}; prévenez qui s’occupe de la salle.",
        ),
        Outcome::LoginRequired => Words::new(
            "Compte obligatoire",
            "Les invités ne sont pas admis\u{a0}; demandez un lien d’accès à l’organisateur.",
        ),
        Outcome::CreationRestricted => Words::new(
            "Réunion non démarrée",
            "Le service n’ouvre pas cette réunion aux invités\u{a0}; demandez à l’organisateur de la démarrer, puis réessayez.",
        ),
        Outcome::ReservationRefused => Words::new(
            "Pas de réservation",
            "Le service n’a pas de réservation pour cette réunion en ce moment\u{a0}; vérifiez l’heure avec l’organisateur.",
        ),
        Outcome::NotOpened => Words::new(
            "Réunion non ouverte",
            "Personne n’a ouvert la réunion à temps\u{a0}; prévenez l’organisateur, puis réessayez.",
        ),
        Outcome::PasswordRequired => Words::new(
            "Mot de passe nécessaire",
            "Cette réunion est protégée\u{a0}; demandez le mot de passe à l’organisateur, puis réessayez.",
        ),
        Outcome::PasswordWrong => Words::new(
            "Mot de passe incorrect",
            "Le mot de passe a été refusé\u{a0}; vérifiez-le auprès de l’organisateur, puis réessayez.",
        ),
        Outcome::MembersOnly => Words::new(
            "Réunion réservée",
            "Cette réunion n’admet que les personnes de sa liste\u{a0}; demandez à l’organisateur d’y ajouter cette salle.",
        ),
        Outcome::DisplayNameRequired => Words::new(
            "Nom nécessaire",
            "Cette réunion demande un nom\u{a0}; donnez un nom à cette salle, puis réessayez.",
        ),
        Outcome::RoomFull => Words::new(
            "Réunion complète",
            "Il n’y a plus de place\u{a0}; réessayez quand quelqu’un sera parti ou prévenez l’organisateur.",
        ),
        Outcome::EntryRefused => Words::new(
            "Entrée refusée",
            "Le service n’a pas laissé entrer cette salle\u{a0}; prévenez l’organisateur, puis l’assistance.",
        ),
        Outcome::LobbyDenied => Words::new(
            "Salle non admise",
            "Un modérateur n’a pas voulu faire entrer cette salle\u{a0}; parlez-lui avant de réessayer.",
        ),
        Outcome::NotAdmitted => Words::new(
            "Personne ne vous a fait entrer",
            "Aucun modérateur n’a répondu à temps\u{a0}; prévenez l’organisateur que vous attendez, puis réessayez.",
        ),
        Outcome::VisitorOnly => Words::new(
            "Spectateurs seulement",
            "La réunion n’admet plus que des spectateurs, ni vus ni entendus\u{a0}; demandez une place à l’organisateur.",
        ),
        Outcome::ConnectionLost => Words::new(
            "Connexion perdue",
            "La liaison n’a pas pu être rétablie\u{a0}; vérifiez le câble réseau, puis rejoignez de nouveau la réunion.",
        ),
        Outcome::MediaBlocked => Words::new(
            "Image et son bloqués",
            "Le réseau ne laisse passer ni l’image ni le son\u{a0}; appelez l’assistance, les ports sont sans doute fermés.",
        ),
        Outcome::ServiceGone => Words::new(
            "Service interrompu",
            "Le service de réunion ne répond plus\u{a0}; réessayez dans quelques minutes.",
        ),
        Outcome::ProtocolError => Words::new(
            "Service incompris",
            "Le service a répondu de façon inattendue\u{a0}; réessayez, puis signalez-le à l’assistance.",
        ),
        Outcome::MediaWorkerFailed => Words::new(
            "Panne de l’appareil",
            "La caméra et le son de cet appareil ne démarrent pas\u{a0}; éteignez-le, rallumez-le, puis appelez l’assistance.",
        ),
    }
}

pub(super) const fn join_step(step: JoinStep) -> Words {
    match step {
        JoinStep::Configuration => Words::new("Recherche du service", "L’appareil lit les réglages du service."),
        JoinStep::Connecting => Words::new("Connexion au service", "L’appareil appelle le service."),
        JoinStep::Authenticating => Words::new("Présentation au service", "L’appareil se fait reconnaître du service."),
        JoinStep::Requesting => Words::new("Demande de la réunion", "Le service prépare la réunion."),
        JoinStep::Entering => Words::new("Entrée dans la réunion", "La réunion s’ouvre dans un instant."),
    }
}

pub(super) const fn joining() -> Words {
    Words::new("Appel en cours", "La réunion s’ouvre dans un instant.")
}

pub(super) const fn waiting(waiting: WaitingFor) -> Words {
    match waiting {
        WaitingFor::Service(WaitReason::NotOpenYet) => Words::new(
            "Réunion pas encore ouverte",
            "Vous entrerez dès que quelqu’un l’ouvrira\u{a0}; vous n’avez rien à faire.",
        ),
        WaitingFor::Service(WaitReason::ServiceBusy) => Words::new(
            "Service occupé",
            "Le service n’est pas prêt\u{a0}; l’appareil réessaie de lui-même.",
        ),
        WaitingFor::Service(WaitReason::Lobby) => Words::new(
            "En attente d’admission",
            "Les modérateurs sont prévenus que cette salle attend\u{a0}; l’un d’eux vous fera entrer.",
        ),
        WaitingFor::Service(WaitReason::Host) => Words::new(
            "En attente de l’organisateur",
            "Vous entrerez à l’arrivée de l’organisateur de la réunion\u{a0}; vous n’avez rien à faire.",
        ),
        WaitingFor::Password { wrong: false } => {
            Words::new("Mot de passe nécessaire", "Saisissez le mot de passe de la réunion.")
        }
        WaitingFor::Password { wrong: true } => Words::new(
            "Mot de passe incorrect",
            "Vérifiez le mot de passe et saisissez-le de nouveau.",
        ),
    }
}

pub(super) const fn reconnecting() -> Words {
    Words::new(
        "Connexion interrompue",
        "L’appareil essaie pendant un quart d’heure de revenir\u{a0}; pour arrêter, quittez la réunion.",
    )
}

pub(super) const fn leaving() -> Words {
    Words::new("Fin de la réunion", "La caméra et le micro s’éteignent.")
}

pub(super) const fn device_fault(device: Device, fault: &DeviceFault) -> Words {
    match (device, fault) {
        (Device::Microphone, DeviceFault::NotFound) => Words::new(
            "Micro introuvable",
            "Vérifiez que le micro est branché\u{a0}; il sera repris de lui-même.",
        ),
        (Device::Camera, DeviceFault::NotFound) => Words::new(
            "Caméra introuvable",
            "Vérifiez que la caméra est branchée\u{a0}; elle sera reprise d’elle-même.",
        ),
        (Device::Microphone, DeviceFault::Unstable) => Words::new(
            "Micro instable",
            "La liaison du micro lâche sans cesse\u{a0}; changez le câble ou la prise.",
        ),
        (Device::Camera, DeviceFault::Unstable) => Words::new(
            "Caméra instable",
            "La liaison de la caméra lâche sans cesse\u{a0}; changez le câble ou la prise.",
        ),
        (Device::Microphone, DeviceFault::Shut) => {
            Words::new("Micro coupé sur l’appareil", "Rallumez le micro par son propre bouton.")
        }
        (Device::Camera, DeviceFault::Shut) => {
            Words::new("Volet fermé", "Ouvrez le volet devant l’objectif de la caméra.")
        }
        (_, DeviceFault::TooFewChannels { .. }) => Words::new(
            "Autre micro",
            "Il a moins de canaux que prévu et marche avec ceux qu’il a\u{a0}; branchez le micro de cette salle.",
        ),
        (Device::Microphone, DeviceFault::Busy) => Words::new(
            "Micro occupé",
            "Un autre programme tient le micro\u{a0}; redémarrez l’appareil si cela dure.",
        ),
        (Device::Camera, DeviceFault::Busy) => Words::new(
            "Caméra occupée",
            "Un autre programme tient la caméra\u{a0}; redémarrez l’appareil si cela dure.",
        ),
        (Device::Microphone, DeviceFault::Forbidden) => Words::new(
            "Micro interdit",
            "L’appareil n’a pas le droit d’ouvrir le micro\u{a0}; appelez l’assistance.",
        ),
        (Device::Camera, DeviceFault::Forbidden) => Words::new(
            "Caméra interdite",
            "L’appareil n’a pas le droit d’ouvrir la caméra\u{a0}; appelez l’assistance.",
        ),
        (Device::Microphone, DeviceFault::Silent) => Words::new(
            "Micro muet",
            "Le micro ne donne aucun son\u{a0}; débranchez-le et rebranchez-le.",
        ),
        (Device::Camera, DeviceFault::Silent) => Words::new(
            "Caméra sans image",
            "La caméra ne donne aucune image\u{a0}; débranchez-la et rebranchez-la.",
        ),
        (Device::Microphone, DeviceFault::MissingElement { .. }) => Words::new(
            "Logiciel incomplet",
            "Il manque un composant pour le micro\u{a0}; appelez l’assistance.",
        ),
        (Device::Camera, DeviceFault::MissingElement { .. }) => Words::new(
            "Logiciel incomplet",
            "Il manque un composant pour la caméra\u{a0}; appelez l’assistance.",
        ),
        (Device::Microphone, DeviceFault::Other { .. }) => Words::new(
            "Micro en panne",
            "Débranchez le micro et rebranchez-le, puis appelez l’assistance.",
        ),
        (Device::Camera, DeviceFault::Other { .. }) => Words::new(
            "Caméra en panne",
            "Débranchez la caméra et rebranchez-la, puis appelez l’assistance.",
        ),
    }
}

pub(super) const fn no_picture(fault: Option<&DeviceFault>) -> &'static str {
    match fault {
        None => "Pas d’image de la caméra",
        Some(DeviceFault::NotFound) => "La caméra est débranchée",
        Some(DeviceFault::Shut) => "Le volet de la caméra est fermé",
        Some(DeviceFault::Unstable) => "La liaison de la caméra est instable",
        Some(_) => "La caméra est en panne",
    }
}

pub(super) const fn device_state(device: Device, word: DeviceWord) -> &'static str {
    match (device, word) {
        (Device::Microphone, DeviceWord::On) => "Micro allumé",
        (Device::Microphone, DeviceWord::Off) => "Micro coupé",
        (Device::Microphone, DeviceWord::OffByModerator) => "Micro coupé par un modérateur",
        (Device::Microphone, DeviceWord::OffFromOutside) => "Micro coupé à distance",
        (Device::Microphone, DeviceWord::Starting) => "Micro bientôt allumé",
        (Device::Microphone, DeviceWord::Faulty) => "Micro en panne",
        (Device::Microphone, DeviceWord::Unplugged) => "Micro débranché",
        (Device::Microphone, DeviceWord::Shut) => "Micro coupé par son bouton",
        (Device::Camera, DeviceWord::Shut) => "Volet de la caméra fermé",
        (Device::Microphone, DeviceWord::Absent) => "Pas de micro",
        (Device::Camera, DeviceWord::On) => "Caméra allumée",
        (Device::Camera, DeviceWord::Off) => "Caméra éteinte",
        (Device::Camera, DeviceWord::OffByModerator) => "Caméra éteinte par un modérateur",
        (Device::Camera, DeviceWord::OffFromOutside) => "Caméra éteinte à distance",
        (Device::Camera, DeviceWord::Starting) => "Caméra bientôt allumée",
        (Device::Camera, DeviceWord::Faulty) => "Caméra en panne",
        (Device::Camera, DeviceWord::Unplugged) => "Caméra débranchée",
        (Device::Camera, DeviceWord::Absent) => "Pas de caméra",
    }
}

pub(super) fn unclaimed(serial: &str) -> String {
    format!("Nouvel appareil. Donnez son numéro de série à l’assistance\u{a0}: {serial}.")
}

pub(super) fn unwanted(serial: &str) -> String {
    format!("Appareil refusé. Appelez l’assistance avec son numéro de série\u{a0}: {serial}.")
}

pub(super) fn undelivered() -> String {
    "Nouvel appareil sans propriétaire. Branchez la clé USB préparée pour lui, ou appelez l’assistance.".into()
}

pub(super) fn stick_refused(reason: StickRefusal) -> String {
    match reason {
        StickRefusal::Empty => "La clé USB ne contient rien pour un appareil. Voyez avec qui l’a préparée.",
        StickRefusal::Used => "La clé USB a déjà servi. Demandez-en une autre.",
        StickRefusal::Unusable => "Le contenu de la clé USB est inutilisable. Demandez-en une autre.",
        StickRefusal::InFleet => "Cet appareil est déjà en service. Retirez la clé USB.",
        StickRefusal::NotKept => "L’appareil n’a pas pu garder le contenu de la clé USB. Appelez l’assistance.",
    }
    .into()
}

pub(super) const fn located() -> Words {
    Words::new(
        "C’est cet appareil",
        "L’assistance le cherche\u{a0}; il n’y a rien à faire.",
    )
}

pub(super) const fn unnamed() -> &'static str {
    "Sans nom"
}

pub(super) fn screen_of(name: &str) -> String {
    format!("Écran partagé\u{a0}: {name}")
}

pub(super) fn service_says(text: &str) -> String {
    format!("Le service précise\u{a0}: {text}")
}

pub(super) fn in_meeting(participants: usize) -> String {
    match participants {
        0 | 1 => "En réunion, seul pour l’instant.".into(),
        2 => "En réunion avec une autre personne.".into(),
        _ => format!("En réunion avec {} autres personnes.", participants - 1),
    }
}

pub(super) const fn typed_commands() -> &'static str {
    "Tapez\u{a0}: mute, unmute, camera on, camera off, hand, hand down, say …, leave (ou Ctrl-C pour quitter)."
}

pub(super) const fn type_password() -> &'static str {
    "Tapez le mot de passe de la réunion, puis Entrée."
}
