//! French notices.

use super::{device_fault, outcome};
use crate::conference::Device;
use crate::outcome::Outcome;
use crate::remote::RemoteAct;
use crate::snapshot::{Countdown, Notice};
use crate::words::Words;

pub(in crate::words) const fn notice(notice: &Notice) -> Words {
    match notice {
        Notice::MutedByModerator(Device::Microphone) => Words::new(
            "Micro coupé par un modérateur",
            "Rallumez-le dans la salle quand vous voulez parler.",
        ),
        Notice::MutedByModerator(Device::Camera) => Words::new(
            "Caméra éteinte par un modérateur",
            "Rallumez-la dans la salle quand vous voulez être vus.",
        ),
        Notice::Moderated(Device::Microphone) => Words::new(
            "Prise de parole modérée",
            "Votre micro est coupé\u{a0}; levez la main quand vous voulez parler.",
        ),
        Notice::Moderated(Device::Camera) => Words::new(
            "Caméras modérées",
            "La vôtre est éteinte\u{a0}; levez la main quand vous voulez être vus.",
        ),
        Notice::AskFirst(Device::Microphone) => Words::new(
            "Un modérateur donne la parole",
            "Levez la main\u{a0}; vous pourrez allumer le micro dès que ce sera permis.",
        ),
        Notice::AskFirst(Device::Camera) => Words::new(
            "Un modérateur autorise les caméras",
            "Levez la main\u{a0}; vous pourrez allumer la caméra dès que ce sera permis.",
        ),
        Notice::Allowed(Device::Microphone) => Words::new(
            "Vous pouvez parler",
            "Un modérateur le permet\u{a0}; allumez le micro dans la salle si vous voulez.",
        ),
        Notice::Allowed(Device::Camera) => Words::new(
            "Vous pouvez vous montrer",
            "Un modérateur le permet\u{a0}; allumez la caméra dans la salle si vous voulez.",
        ),
        Notice::ModerationOver(Device::Microphone) => Words::new(
            "La parole est libre",
            "Rallumez le micro dans la salle quand vous voulez parler.",
        ),
        Notice::ModerationOver(Device::Camera) => Words::new(
            "Les caméras sont libres",
            "Rallumez la caméra dans la salle quand vous voulez être vus.",
        ),
        Notice::MutedFromOutside(Device::Microphone) => Words::new(
            "Micro coupé à distance",
            "Rallumez-le dans la salle quand vous voulez parler.",
        ),
        Notice::MutedFromOutside(Device::Camera) => Words::new(
            "Caméra éteinte à distance",
            "Rallumez-la dans la salle quand vous voulez être vus.",
        ),
        Notice::OnlyInRoom(Device::Microphone) => Words::new(
            "On demande votre micro",
            "Vous seuls pouvez l’allumer, ici, dans la salle.",
        ),
        Notice::OnlyInRoom(Device::Camera) => Words::new(
            "On demande votre caméra",
            "Vous seuls pouvez l’allumer, ici, dans la salle.",
        ),
        Notice::JoinedFromOutside => Words::new(
            "Réunion rejointe à distance",
            "Le micro et la caméra sont éteints\u{a0}; vous seuls pouvez les allumer, ici, dans la salle.",
        ),
        Notice::FromOutside(RemoteAct::ScreenCapture) => Words::new(
            "Cet écran a été copié",
            "L’assistance a demandé une image de cet écran\u{a0}; la salle n’est ni vue ni entendue.",
        ),
        Notice::FromOutside(RemoteAct::Restart) => Words::new(
            "L’appareil redémarre",
            "L’assistance l’a demandé\u{a0}; l’appareil revient dans une minute environ.",
        ),
        Notice::FromOutside(RemoteAct::FactoryReset) => Words::new(
            "L’appareil oublie ses réglages",
            "L’assistance l’a demandé\u{a0}; l’appareil repart comme neuf.",
        ),
        Notice::FromOutside(RemoteAct::Update) => Words::new(
            "L’appareil redémarre",
            "Il a été mis à jour et revient dans une minute environ.",
        ),
        Notice::SelfTest => Words::new(
            "L’appareil se teste",
            "Caméra et micro sont allumés quelques secondes\u{a0}; rien ne sort de la salle.",
        ),
        Notice::DevicesOffAfterRejoin => Words::new(
            "Micro et caméra éteints",
            "La réunion a été rejointe de nouveau\u{a0}; rallumez-les dans la salle.",
        ),
        Notice::NoDevice(Device::Microphone) => {
            Words::new("Pas de micro", "Branchez un micro ou appelez l’assistance.")
        }
        Notice::NoDevice(Device::Camera) => Words::new("Pas de caméra", "Branchez une caméra ou appelez l’assistance."),
        Notice::NoMeeting => Words::new("Pas de réunion", "Rejoignez d’abord une réunion."),
        Notice::Occupied => Words::new(
            "Déjà en réunion",
            "Quittez cette réunion avant d’en rejoindre une autre.",
        ),
        Notice::MediaRestarting => Words::new(
            "Image et son interrompus",
            "Ils reviennent d’eux-mêmes dans quelques secondes.",
        ),
        Notice::MediaWorkerFailed => outcome(Outcome::MediaWorkerFailed),
        Notice::DeviceFailed(device, fault) => device_fault(*device, fault),
        Notice::PlaybackFailed(_) => Words::new(
            "Haut-parleur ou écran en panne",
            "Vérifiez qu’ils sont branchés et allumés, puis appelez l’assistance.",
        ),
        Notice::MediaStalled => Words::new(
            "Rien n’arrive de la réunion",
            "L’appareil rétablit l’image et le son de lui-même\u{a0}; patientez un instant.",
        ),
        Notice::LeavingAlone(Countdown::Minute) => Words::new(
            "Vous êtes seuls",
            "L’appareil quitte la réunion dans une minute\u{a0}; touchez le micro ou la caméra pour rester.",
        ),
        Notice::LeavingAlone(Countdown::HalfMinute) => Words::new(
            "Vous êtes seuls",
            "L’appareil quitte la réunion dans trente secondes\u{a0}; touchez le micro ou la caméra pour rester.",
        ),
        Notice::LeavingAlone(Countdown::TenSeconds) => Words::new(
            "Vous êtes seuls",
            "L’appareil quitte la réunion dans dix secondes\u{a0}; touchez le micro ou la caméra pour rester.",
        ),
        Notice::NotModerator => Words::new(
            "Réservé aux modérateurs",
            "Demandez à un modérateur de la réunion de le faire.",
        ),
        Notice::Moderator => Words::new(
            "Vous êtes modérateurs",
            "Vous pouvez choisir un mot de passe et faire entrer ceux qui attendent, tant que vous êtes là.",
        ),
        Notice::Knocking => Words::new(
            "Quelqu’un attend d’entrer",
            "Faites entrer ou refusez\u{a0}; on attend votre réponse.",
        ),
        Notice::PasswordSet(true) => Words::new(
            "La réunion a un mot de passe",
            "Il sera demandé à ceux qui arrivent\u{a0}; donnez-le à ceux que vous attendez.",
        ),
        Notice::PasswordSet(false) => Words::new(
            "La réunion n’a plus de mot de passe",
            "Toute personne qui a l’adresse peut entrer.",
        ),
        Notice::PasswordRefused => Words::new(
            "Mot de passe inchangé",
            "Le service a refusé\u{a0}; réessayez ou demandez à un autre modérateur.",
        ),
        Notice::MovedToRoom { side: true } => Words::new(
            "Vous êtes dans une salle annexe",
            "Un modérateur vous y a envoyés\u{a0}; rallumez micro et caméra dans la salle.",
        ),
        Notice::MovedToRoom { side: false } => Words::new(
            "Vous êtes de retour en salle principale",
            "Rallumez micro et caméra dans la salle.",
        ),
        Notice::Alone => Words::new("Vous êtes seuls", "Les autres apparaîtront ici dès leur arrivée."),
    }
}
