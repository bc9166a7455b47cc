//! What is left out, what stays, and how it is written.

use super::*;

fn walked(html: &str) -> String {
    let mut out = String::new();
    walk(html, "http://example.org/a/", &mut out);
    out
}

#[test]
fn what_is_allowed_stays_as_it_was() {
    for html in [
        "plain &amp; simple",
        "<p>a <b>b</b></p><p>c<br>d</p>",
        "<ul><li>x</li><li>y</li></ul>",
        "<table><tbody><tr><td colspan=\"2\">a</td></tr></tbody></table>",
        "<img src=\"http://x/a.png\" alt=\"&quot;A&quot;\" width=\"10\">",
        "<a href=\"http://x/?a=1&amp;b=2\" rel=\"noopener noreferrer\">x</a>",
    ] {
        assert_eq!(walked(html), html);
    }
}

#[test]
fn bad_nesting_is_put_in_order() {
    for (html, tidied) in [
        ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
        ("<div><b>x", "<div><b>x</b></div>"),
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ("<p><b>x<p>y", "<p><b>x</b></p><p>y</p>"),
        (
            "<ul><li><b>x<li>y<ul><li>z</ul></ul>",
            "<ul><li><b>x</b></li><li>y<ul><li>z</li></ul></li></ul>",
        ),
        (
            "<table><tr><td>a<td>b<tr><td>c</table>",
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
        ),
        (
            "<table><tr><td><table></table><tr><div><table><tr>",
            "<table><tr><td><table></table></td></tr><tr><div></div></tr></table><table><tr></tr></table>",
        ),
        ("x</div>y", "xy"),
        ("<p/>x", "<p></p>x"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("&eacute;&nbsp;&nope;", "é&nbsp;&amp;nope;"),
    ] {
        assert_eq!(walked(html), tidied, "{html}");
    }
}

#[test]
fn attributes_are_read_and_written_anew() {
    for (html, written) in [
        (
            "<a href=x>y</a>",
            "<a href=\"http://example.org/a/x\" rel=\"noopener noreferrer\">y</a>",
        ),
        (
            "<a href='/x\" onclick=\"y'>z</a>",
            "<a href=\"http://example.org/x%22%20onclick=%22y\" rel=\"noopener noreferrer\">z</a>",
        ),
        (
            "<b title='\"><i>' class=c>x</b>",
            "<b title=\"&quot;&gt;&lt;i&gt;\">x</b>",
        ),
        (
            "<img src=a width=10 width=20 height='1;2'>",
            "<img src=\"http://example.org/a/a\" width=\"10\">",
        ),
        (
            "<a href='MAILTO:a@b.c'>x</a>",
            "<a href=\"MAILTO:a@b.c\" rel=\"noopener noreferrer\">x</a>",
        ),
        ("<a name=top>x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
    ] {
        assert_eq!(walked(html), written, "{html}");
    }
}

#[test]
fn tags_that_nest_too_deep_are_left_out_and_their_text_kept() {
    let deep = format!("{}x{}y", "<div>".repeat(60_000), "</div>".repeat(60_000));
    let mut out = String::new();
    assert!(walk(&deep, "", &mut out));
    assert_eq!(
        out,
        format!(
            "{}x{}y",
            "<div>".repeat(DEPTH_MAX),
            "</div>".repeat(DEPTH_MAX)
        )
    );
    let within = format!("{}x{}", "<i>".repeat(DEPTH_MAX), "</i>".repeat(DEPTH_MAX));
    assert!(!walk(&within, "", &mut String::new()));
}
