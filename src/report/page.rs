/// The style sheet of every page, inlined between `<style>` and `</style>` without change, so that a server can allow
/// exactly this text by its hash.
pub const STYLE: &str = include_str!("../../templates/report/style.css");
