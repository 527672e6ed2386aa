//! `leakgate allow`: writes an entry into `allow` of the configuration, for a finding of the last check.

mod last;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use self::last::Found;
use crate::config::{self, Ceiling, Config, NewAllowance, SHORTEST_FINGERPRINT, add_allowance};
use crate::date::Date;
use crate::exit::Exit;

/// Digits of a whole fingerprint.
const WHOLE: usize = 12;

/// Allow a finding of the last check, with a reason
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The finding's fingerprint, or its first digits, at least 4
    #[arg(value_parser = fingerprint)]
    fingerprint: String,
    /// Why it is allowed
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// The last day on which it holds, such as 2027-03-31 [default: no end]
    #[arg(long, value_name = "DAY", value_parser = day)]
    expires: Option<Date>,
    /// More than this fails again, such as "64 B/iteration" or "1 entry/iteration" [default: no ceiling]
    #[arg(long, value_name = "AMOUNT", value_parser = ceiling)]
    at_most: Option<Ceiling>,
    /// Only a finding of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "leakgate.yaml")]
    config: PathBuf,
    /// The result that has the finding [default: .leakgate/result.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

fn fingerprint(text: &str) -> Result<String, String> {
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hexadecimal && (SHORTEST_FINGERPRINT..=WHOLE).contains(&text.len()) {
        true => Ok(text.to_lowercase()),
        false => Err("expected 4 to 12 hexadecimal digits, as the report prints them".to_owned()),
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text {
        "" | "…" => Err("expected why it is allowed, in words".to_owned()),
        text if text.contains(char::is_control) => Err("expected one line of text".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn day(text: &str) -> Result<Date, String> {
    let day: Date = text.parse().map_err(|error: crate::date::DateError| error.to_string())?;
    match day < Date::today() {
        true => Err("this day is over; expected today or a later one".to_owned()),
        false => Ok(day),
    }
}

fn ceiling(text: &str) -> Result<Ceiling, String> {
    text.parse().map_err(|error: crate::config::CeilingError| error.to_string())
}

/// Writes the entry and says where.
///
/// # Errors
/// When the finding is not found or not the only one, when the configuration is not valid, or the entry cannot be added to
/// its text without a risk: then with the text to paste.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let config =
        config::load(&args.config).map_err(|errors| anyhow!("the configuration is not valid:\n{errors}"))?;
    let result =
        args.from.clone().unwrap_or_else(|| args.config.with_file_name(".leakgate").join("result.json"));
    let found = last::find(&result, &args.fingerprint, args.scenario.as_deref())?;
    refuse_twice(&config, &found)?;
    args.at_most.as_ref().map_or(Ok(()), |most| found.refuse_other_unit(most))?;
    let entry = entry(args, &found);
    let source = fs::read_to_string(&args.config)
        .with_context(|| format!("failed to read {}", args.config.display()))?;
    let Some(edited) = add_allowance(&source, &entry) else {
        bail!(
            "{} is written in a way that cannot be added to without a risk; nothing was changed. Add this entry to \
             `allow` by hand:\n\n{}",
            args.config.display(),
            entry.as_block(2, "\n")
        );
    };
    write_whole(&args.config, &edited.source)?;
    let until = args.expires.map(|day| format!(" until {day}")).unwrap_or_default();
    let at_most = args.at_most.as_ref().map(|most| format!(" up to {}", most.typed)).unwrap_or_default();
    writeln!(
        out,
        "{}:{}: allowed{at_most}{until}: {}",
        args.config.display(),
        edited.line,
        found.describe()
    )?;
    Ok(Exit::Passed)
}

fn entry(args: &Args, found: &Found) -> NewAllowance {
    let mut fields = vec![
        ("fingerprint", found.fingerprint.clone()),
        ("rule", found.rule.clone()),
        ("scenario", found.scenario.clone()),
    ];
    fields.extend((!found.parts.is_empty()).then(|| ("parts", found.parts.join(" "))));
    fields.extend(args.at_most.as_ref().map(|most| ("at_most", most.typed.clone())));
    fields.push(("reason", args.reason.clone()));
    fields.extend(args.expires.map(|day| ("expires", day.to_string())));
    NewAllowance { fields }
}

fn refuse_twice(config: &Config, found: &Found) -> anyhow::Result<()> {
    let is_same = |digits: &String| found.fingerprint.starts_with(digits.as_str());
    let Some(entry) = config.allow.iter().find(|entry| entry.fingerprint.as_ref().is_some_and(is_same))
    else {
        return Ok(());
    };
    bail!(
        "{}:{} is an allowance for {} already: change what it says there",
        config.path.display(),
        entry.line,
        found.fingerprint
    )
}

/// Replaces the file as a whole, so that nobody ever reads half of it. A link stays one.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let context = || format!("failed to write {}", path.display());
    let target = path.canonicalize().with_context(context)?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    let permissions = fs::metadata(&target).with_context(context)?.permissions();
    file.as_file().set_permissions(permissions).with_context(context)?;
    file.persist(&target).with_context(context)?;
    Ok(())
}
