//! The stories. Each takes the guest as the one before left it, and leaves it with nothing plugged in. Those that restart it have one of
//! their own.

mod boot;
mod codec;
mod data;
mod delivery;
mod exposure;
mod inventory;
mod meeting;
mod plug;
mod power;
mod releases;
mod room_box;
mod secrets;
mod units;
mod usb;

use std::time::Instant;

use hardware_lab::lab::Lab;
use hardware_lab::report::{BootFigures, Told};

/// What was seen; or in words, what was not as it should be.
pub type Evidence = Result<String, String>;

/// A story and what may be told of it.
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// Belongs to `cargo lab test` too.
    pub fast: bool,
    /// Restarts the machine: it is told beside the others, in another one.
    pub restarts: bool,
    tell: fn(&mut Lab) -> Evidence,
}

const fn fast(name: &'static str, tell: fn(&mut Lab) -> Evidence) -> Story {
    Story {
        name,
        fast: true,
        restarts: false,
        tell,
    }
}

const fn long(name: &'static str, tell: fn(&mut Lab) -> Evidence) -> Story {
    let story = fast(name, tell);
    Story { fast: false, ..story }
}

/// All of them, in their order.
pub const STORIES: &[Story] = &[
    fast("boots_to_ready_with_no_failed_unit", boot::ready),
    fast("a_box_is_well_by_its_own_units", units::well),
    fast("found_devices_match_the_kernels", inventory::matches),
    fast("the_camera_is_found_by_rule_and_named", units::camera),
    fast("a_worker_that_hangs_is_ended_by_its_watchdog", units::worker_hangs),
    fast(
        "hostile_code_in_place_of_the_worker_reaches_nothing",
        units::hostile_worker,
    ),
    fast(
        "a_daemon_that_is_killed_takes_its_worker_with_it",
        units::daemon_is_killed,
    ),
    fast(
        "a_release_on_trial_whose_daemon_fails_is_left_and_no_other",
        units::rescue,
    ),
    fast("the_usb_camera_gives_pictures_that_move", usb::pictures),
    fast("the_usb_array_gives_eight_channels_each_its_own", usb::channels),
    fast("an_array_with_two_channels_says_so", usb::two_channels),
    fast("a_closed_shutter_is_told_and_shows_nothing", usb::shutter),
    fast(
        "a_pulled_cable_is_noticed_while_streaming_and_the_names_come_back",
        usb::pulled,
    ),
    fast("a_meeting_sees_and_hears_the_kernels_devices", meeting::seen_and_heard),
    long("a_cable_pulled_in_a_meeting_and_put_back", meeting::pulled_and_back),
    long("a_camera_that_gives_nothing_any_more_is_said", meeting::stalled),
    long("what_is_shut_by_hand_in_a_meeting_is_said", meeting::shut_by_hand),
    long(
        "an_array_with_too_few_channels_is_heard_and_said",
        meeting::too_few_channels,
    ),
    long("a_loudspeaker_without_its_plug_is_said", meeting::empty_socket),
    long(
        "an_encoder_that_comes_is_tried_and_refused_by_name_and_forgotten_when_it_goes",
        codec::comes_and_goes,
    ),
    long("a_daemon_that_hangs_is_ended_by_its_watchdog", units::daemon_hangs),
    long("half_a_minute_without_network", meeting::without_network),
    long("a_network_that_loses_delays_and_shuffles", meeting::bad_network),
    long(
        "a_hundred_cables_pulled_in_one_meeting_leave_nothing_behind",
        meeting::a_hundred_cables,
    ),
    long(
        "keys_are_made_in_the_tpm_by_the_daemons_own_unit",
        secrets::keys_in_the_tpm,
    ),
    long(
        "what_is_this_boxs_alone_comes_encrypted_to_its_tpm",
        secrets::credentials,
    ),
    fast("no_port_is_open_but_the_documented", exposure::ports),
    fast("power_that_is_cut_in_a_meeting_and_while_it_starts", power::cuts).restarts(),
    long(
        "a_release_whose_daemon_is_broken_restarts_the_machine",
        power::broken_daemon,
    )
    .restarts(),
    long(
        "a_first_process_that_is_dead_is_ended_by_the_machines_watchdog",
        power::dead_first_process,
    )
    .restarts(),
    long(
        "the_data_partition_is_made_at_the_first_start_and_opens_for_this_tpm_alone",
        data::partition,
    )
    .restarts(),
    long(
        "a_box_is_whose_the_stick_says_and_a_stick_serves_each_box_once",
        delivery::by_stick,
    )
    .restarts(),
    long(
        "releases_are_kept_when_good_left_when_broken_and_refused_otherwise",
        releases::kept_left_or_refused,
    )
    .restarts(),
    long("power_that_is_cut_fifty_times_at_any_moment", power::fifty).restarts(),
];

impl Story {
    const fn restarts(self) -> Self {
        Self { restarts: true, ..self }
    }

    /// Tells it.
    pub fn tell(&self, lab: &mut Lab) -> Told {
        let begun = Instant::now();
        let (ok, evidence) = match (self.tell)(lab) {
            Ok(seen) => (true, seen),
            Err(reason) => (false, reason),
        };
        Told {
            name: self.name,
            ok,
            seconds: begun.elapsed().as_secs_f64(),
            evidence,
        }
    }
}

/// Waits until every unit has started, and counts what that took.
///
/// # Errors
/// When the guest does not answer.
pub fn until_ready(lab: &Lab) -> hardware_lab::Result<BootFigures> {
    boot::figures(lab)
}

/// `Ok` when it holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// For `map_err`: an error as the reason why a story does not hold.
fn why(error: hardware_lab::Error) -> String {
    error.to_string()
}
