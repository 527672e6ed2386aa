//! Growth that may stop by itself: what slows down from window to window, as a cache of keys that come by chance does, and
//! what an attribute says that it stops. It is not called a leak, nor cleared, before it has stopped.

use super::floors::{Direction, Floors, Sureness};
use super::{ContainerSeries, Leak, Series, SiteSeries, is_explained};
use crate::profile::Container;

/// What grows less and less. Where something does for certain, what likely does as well belongs to it: of a cache whose
/// entries are not all alike, one line makes fewer blocks than another.
pub(super) fn slowing(series: &Series, filling: &[usize]) -> Vec<Leak> {
    let certain = of(series, filling, Sureness::Certain);
    let Some(most) = containers_of(&certain).max_by_key(|index| series.containers[*index].floors.growth())
    else {
        return if certain.is_empty() { certain } else { of(series, filling, Sureness::Likely) };
    };
    let cache = &series.containers[most].floors;
    let mut slowing = of(series, filling, Sureness::Likely);
    // Lines that make some of its entries: too few to tell by themselves.
    for (index, site) in series.sites.iter().enumerate() {
        let is_some = (1..cache.growth()).contains(&site.blocks.growth()) && site.blocks.may_slow_as(cache);
        if is_some && !slowing.contains(&Leak::Site(index)) {
            slowing.push(Leak::Site(index));
        }
    }
    slowing
}

/// What an attribute says that it stops, and has room left.
pub(super) fn said_to_stop(series: &Series, containers: &[Container]) -> Vec<Leak> {
    let has_room = |of: &ContainerSeries| {
        let bound = containers.get(of.container).and_then(|container| container.said_bound);
        bound.is_some_and(|bound| of.length < bound)
    };
    let grows = |(_, of): &(usize, &ContainerSeries)| of.floors.growth() > 0 && has_room(of);
    let growing = series.containers.iter().enumerate().filter(grows);
    growing.map(|(index, _)| Leak::Container(index)).collect()
}

fn of(series: &Series, filling: &[usize], sure: Sureness) -> Vec<Leak> {
    let containers = series.containers.iter().enumerate().filter(|(index, _)| !filling.contains(index));
    let memory = |floors: &Floors| floors.direction(0) != Direction::Steady && floors.slows(sure);
    let count = |floors: &Option<Floors>| {
        floors
            .as_ref()
            .is_some_and(|floors| floors.direction_of_count() != Direction::Steady && floors.slows(sure))
    };
    let mut slowing: Vec<Leak> =
        containers.filter(|(_, of)| memory(&of.floors)).map(|(index, _)| Leak::Container(index)).collect();
    let sites = series.sites.iter().enumerate().filter(|(_, site)| memory(figure(site)));
    slowing.extend(sites.map(|(index, _)| Leak::Site(index)));
    slowing.extend(count(&series.fds).then_some(Leak::Descriptors));
    slowing.extend(count(&series.threads).then_some(Leak::Threads));
    slowing.extend(count(&series.children).then_some(Leak::Children));
    // Blocks of many lines, each of which has too few to tell.
    let are_all = slowing.is_empty() && memory(&series.blocks);
    slowing.extend(are_all.then_some(Leak::Blocks));
    slowing
}

/// What tells how often a site keeps something: sizes differ more than counts.
fn figure(site: &SiteSeries) -> &Floors {
    if site.blocks.growth() > 0 { &site.blocks } else { &site.bytes }
}

/// The containers among them, by their indices.
pub fn containers_of(slowing: &[Leak]) -> impl Iterator<Item = usize> {
    slowing.iter().filter_map(|leak| match leak {
        Leak::Container(index) => Some(*index),
        _ => None,
    })
}

/// Whether a site's blocks are what the entries of a slowing container are made of. A table gets larger seldom: what
/// has no more blocks and rises nevertheless is none.
pub(super) fn is_part(site: &SiteSeries, series: &Series, slowing: &[Leak]) -> bool {
    let is_of = |index: usize| is_explained(site, series.containers[index].floors.growth());
    site.blocks.growth() > 0 && containers_of(slowing).any(is_of)
}

/// Live bytes and blocks of all that does not slow down.
pub(super) fn rest(series: &Series, slowing: &[Leak]) -> (Floors, Floors) {
    let sites = series.sites.iter().enumerate();
    let parts: Vec<&SiteSeries> = sites
        .filter(|(index, site)| slowing.contains(&Leak::Site(*index)) || is_part(site, series, slowing))
        .map(|(_, site)| site)
        .collect();
    (
        series.bytes.without(parts.iter().map(|site| &site.bytes)),
        series.blocks.without(parts.iter().map(|site| &site.blocks)),
    )
}

/// Whether all that leaks likely slows down: containers, counts, and the sites that have more blocks.
pub(super) fn may_slow(series: &Series, leaks: &[Leak]) -> bool {
    let floors = |leak: &Leak| match leak {
        Leak::Container(index) => Some(&series.containers[*index].floors),
        Leak::Site(index) => Some(&series.sites[*index].blocks).filter(|blocks| blocks.growth() > 0),
        Leak::Descriptors => series.fds.as_ref(),
        Leak::Threads => series.threads.as_ref(),
        Leak::Children => series.children.as_ref(),
        Leak::Bytes | Leak::Blocks => None,
    };
    let mut told = leaks.iter().filter_map(floors).peekable();
    told.peek().is_some() && told.all(|floors| floors.slows(Sureness::Likely))
}
