//! The header `Link`, which leads from page to page.

/// The address of the next page: of `<…?page=2>; rel="next", <…>; rel="last"`.
pub(super) fn next(header: &str) -> Option<&str> {
    let of = |part: &'_ str| -> Option<(usize, usize)> {
        let (start, end) = (part.find('<')?, part.find('>')?);
        let is_next =
            part.get(end..)?.split(';').any(|word| matches!(word.trim(), "rel=\"next\"" | "rel=next"));
        (is_next && start < end).then_some((start + 1, end))
    };
    header.split(',').find_map(|part| of(part).map(|(start, end)| &part[start..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_others() {
        let header = "<https://a/x?page=1>; rel=\"prev\", <https://a/x?page=3>; rel=\"next\"";
        assert_eq!(next(header), Some("https://a/x?page=3"));
        assert_eq!(next("<https://a/x?page=1>; rel=\"last\""), None);
        assert_eq!(next(">;<rel=\"next\""), None);
    }
}
