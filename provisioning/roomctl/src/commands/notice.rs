//! `roomctl notice`.

use fleet::contract::{Notice, Urgency};
use jiff::{SignedDuration, Timestamp};
use roomctl::notice;
use roomctl::words::Words;

use super::{choose, enter};
use crate::arguments::{self, Arguments};
use crate::failure::Failure;

pub async fn run(arguments: &Arguments, order: &arguments::Notice, words: Words) -> Result<(), Failure> {
    let (office, mut console) = enter(arguments).await?;
    let mut author = office.author()?;
    let devices = if order.everybody {
        None
    } else {
        Some(choose(&mut console, &order.chosen, false, words).await?.1)
    };
    let life = SignedDuration::try_from(order.life).map_err(|error| Failure::Wrong(error.to_string()))?;
    let urgency = if order.emergency {
        Urgency::Emergency
    } else {
        Urgency::Maintenance
    };
    let what = Notice {
        rev: 0,
        urgency: Some(urgency),
        fr: order.fr.clone(),
        en: order.en.clone(),
        exp: Timestamp::now()
            .checked_add(life)
            .map_err(|error| Failure::Wrong(error.to_string()))?,
        reconnect_spread_s: None,
    };
    let walls = notice::publish(&mut console, &mut author, devices.as_deref(), &what).await?;
    console.close().await;
    println!("{}", words.noticed(devices.map(|_| walls)));
    Ok(())
}
