//! Blocks that grow in number though no Python object holds more: of a library, or objects that were lost.

use super::gains::Gains;
use crate::finding::{Finding, Owner};
use crate::profile::{Domain, Frame};
use crate::rules::{Evidence, HeldBy, Kind, RuleSet};

/// Who lost them, or keeps them: the library that allocated, and the line that called into it.
pub fn native(finding: &Finding, rules: &RuleSet) -> Option<Owner> {
    let holder = finding.holders.first()?;
    let is_native = holder.domain == Domain::Heap.label();
    // A container that gets longer with them keeps them, though it was not seen to.
    if !is_native && !finding.containers.is_empty() {
        return None;
    }
    let iterations = u32::try_from(finding.series.len().checked_sub(1)?).ok().filter(|count| *count > 0)?;
    let library = match holder.frames.first()? {
        Frame::Native { module, .. } => module.rsplit('/').next().unwrap_or(module).to_owned(),
        _ => "a library".to_owned(),
    };
    let (noun, made) = match is_native {
        true => ("native block", format!("made in {library}, called")),
        false => ("Python object", "made".to_owned()),
    };
    let gains = Gains { entries: 0, objects: holder.blocks, bytes: holder.bytes.0, iterations };
    let place = holder.place.clone();
    let at = place.as_ref().map_or("a place that is not known".to_owned(), ToString::to_string);
    let gains_in_words = match holder.blocks {
        0 => gains.in_words(),
        blocks => gains.counted(blocks, &format!("{noun} is kept")),
    };
    let named = rules.name(&Evidence {
        kind: Kind::Lost,
        owner: format!("{made} at {at}"),
        held_by: Some(HeldBy::Native),
        types: vec![library.clone()],
        gains: gains_in_words.clone(),
    })?;
    let sentence = match is_native {
        true => named.message,
        false => format!("{}, and nothing in Python was seen to keep it, made at {at}", gains_in_words),
    };
    Some(Owner {
        pattern: Some(named.rule),
        sentence,
        path: vec![format!("nothing in Python, {noun}")],
        name: if is_native { library } else { noun.to_owned() },
        type_name: noun.to_owned(),
        place,
        facts: Vec::new(),
        help: named.fix,
    })
}
