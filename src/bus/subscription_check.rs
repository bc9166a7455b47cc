//! Does the server see the subscriptions that we believe to have?

use super::{BusError, Commands, Link, ServerIdentity};

/// Asks the server through `commands` how many subscriptions it sees on `link`.
///
/// `PUBSUB NUMSUB` would count others too, and a confirmation only proves what was true when it was sent. Another
/// server than the link's (behind a name that moved, say) does not know the connection, and so proves nothing.
///
/// # Errors
/// [`BusError::Unproven`] when the server sees another number of subscriptions; else those of the connection.
pub fn check_subscriptions(
    link: &Link,
    commands: &mut Commands,
) -> Result<ServerIdentity, BusError> {
    let proof = link.identity();
    // A server that does not say who we are, or does not let us look, confirmed each subscription all the same; that
    // they still hold is for the echoes to prove.
    let Some(client_id) = proof.client_id else {
        return Ok(proof);
    };
    let list = redis::cmd("CLIENT")
        .arg("LIST")
        .arg("ID")
        .arg(client_id)
        .to_owned();
    let shown = match commands.query::<String>(&list) {
        Ok(line) => sub_field(&line).unwrap_or(0),
        Err(BusError::Denied { .. } | BusError::Reply { .. }) => return Ok(proof),
        Err(e) => return Err(e),
    };
    if shown == proof.count {
        return Ok(proof);
    }
    Err(BusError::Unproven {
        address: commands.address().to_string(),
        wanted: proof.count,
        shown,
    })
}

/// The number behind ` sub=` in a line of CLIENT LIST.
fn sub_field(line: &str) -> Option<u64> {
    line.split_ascii_whitespace()
        .find_map(|f| f.strip_prefix("sub="))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_subscriptions_is_read_from_client_list() {
        let line = "id=7 addr=127.0.0.1:5 name=healer:sub db=0 sub=200000 psub=0 ssub=0 multi=-1\n";
        assert_eq!(sub_field(line), Some(200_000));
        assert_eq!(sub_field(""), None);
    }
}
