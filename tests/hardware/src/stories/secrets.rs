//! What is the box's alone: keys in its TPM, credentials that only this machine opens.

use std::time::Duration;

use hardware_lab::lab::Lab;

use super::{Evidence, ensure, meeting, room_box, units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// The laboratory's program in the place of the daemon, under the daemon's unit.
const IN_ITS_PLACE: &str = "set -e
mkdir -p /run/systemd/system/roomd.service.d
cat > /run/systemd/system/roomd.service.d/lab.conf << 'END'
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
BindReadOnlyPaths=/usr/local/sbin/hardware-guest:/usr/bin/roomd
ExecStart=
ExecStart=/usr/bin/roomd key /var/lib/roomd/laboratory
StandardOutput=journal
END
systemctl daemon-reload
begun=$(date +%s)
systemctl restart roomd || true
journalctl --sync
journalctl --no-pager -o cat --since=@$begun -u roomd | grep '^key: \\|^hardware-guest: '";

const AS_IT_WAS: &str = "rm -rf /run/systemd/system/roomd.service.d /var/lib/roomd/laboratory
systemctl daemon-reload; systemctl restart roomd";

/// The daemon's unit reaches the TPM, and what lies on its disk is no key for anybody else.
pub fn keys_in_the_tpm(lab: &mut Lab) -> Evidence {
    let tried = lab.guest.must(IN_ITS_PLACE, MOMENT).map_err(why);
    lab.guest.must(AS_IT_WAS, MOMENT).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    let seen = tried?.trim().to_owned();
    ensure(seen.ends_with("[\"-----BEGIN TSS2 PRIVATE KEY-----\"]"), || {
        seen.clone()
    })?;
    Ok(seen)
}

/// As a factory would, with a key that only this TPM has.
const ENCRYPTED: &str = "set -e
mkdir -p /run/credstore.encrypted
printf 'name = \"Salle du conseil\"\\n' |
  systemd-creds encrypt --with-key=tpm2 --name=box.toml - /run/credstore.encrypted/box.toml
if grep -q Salle /run/credstore.encrypted/box.toml; then exit 1; fi
systemctl restart roomd";

const WITHOUT: &str = "rm -rf /run/credstore.encrypted; systemctl restart roomd";

/// What is this box's alone comes encrypted to its TPM, and the meeting shows that the daemon has read it.
pub fn credentials(lab: &mut Lab) -> Evidence {
    lab.guest.must(ENCRYPTED, MOMENT).map_err(why)?;
    let name = meeting::begin(lab).and_then(|meeting| meeting.name());
    room_box::stop(lab)?;
    lab.guest.must(WITHOUT, MOMENT).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    let name = name?;
    ensure(name == "Salle du conseil", || format!("the box is called {name}"))?;
    Ok(format!(
        "box.toml was encrypted by systemd-creds to the TPM; in the meeting the box is called {name}"
    ))
}
