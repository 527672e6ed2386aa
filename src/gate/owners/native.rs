//! Blocks of a library that grow in number though no Python object holds more.

use super::gains::Gains;
use crate::finding::{Finding, Owner};
use crate::profile::{Domain, Frame};
use crate::rules::{Evidence, HeldBy, Kind, RuleSet};

/// Who lost them, or keeps them: the library that allocated, and the line that called into it. `None`: what grows most is no
/// native memory.
pub fn native(finding: &Finding, rules: &RuleSet) -> Option<Owner> {
    let holder = finding.holders.first().filter(|holder| holder.domain == Domain::Heap.label())?;
    let iterations = u32::try_from(finding.series.len().checked_sub(1)?).ok().filter(|count| *count > 0)?;
    let library = match holder.frames.first()? {
        Frame::Native { module, .. } => module.rsplit('/').next().unwrap_or(module).to_owned(),
        _ => "a library".to_owned(),
    };
    let gains = Gains { entries: 0, objects: holder.blocks, bytes: holder.bytes.0, iterations };
    let place = holder.place.clone();
    let at = place.as_ref().map(|place| format!(", called at {place}")).unwrap_or_default();
    let named = rules.name(&Evidence {
        kind: Kind::Lost,
        owner: format!("made in {library}{at}"),
        held_by: Some(HeldBy::Native),
        types: vec![library.clone()],
        gains: gains.counted(holder.blocks, "native block is kept"),
    })?;
    Some(Owner {
        pattern: Some(named.rule),
        sentence: named.message,
        path: vec![format!("native heap of {library}")],
        name: library,
        type_name: "native block".to_owned(),
        place,
        help: named.fix,
    })
}
