//! What is read here is read as by the reader, and most of what people write is read here.

use proptest::prelude::*;
use serde_json::json;

use super::super::{Duplicates, reader, write};
use super::read;

/// Whether the text is common; that it is read as by the reader is checked.
fn is_common(text: &str) -> bool {
    let mut is_common = false;
    for duplicates in [Duplicates::Refuse, Duplicates::LastWins] {
        if let Some(documents) = read(text, duplicates) {
            is_common = true;
            assert_eq!(reader::read(text, duplicates), Ok(documents), "{text:?}");
        }
    }
    is_common
}

#[test]
fn what_manifests_are_written_with_is_common() {
    for text in [
        "",
        "# nothing\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a # the name\n  labels: {a: b, \"c\": 'd'}\n",
        "---\n# one\na: 1\n---\n\n---\nb: 2\n---\n",
        "  a: 1\n  b:\n    c: x\n",
        "- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - e\n  - f\n-\n",
        "a:\n- 1\n- 2\nb:\n  - c: x\n    d: y\n  # between\n  - z\nc:\n",
        "a: |\n  one\n    two\n\n  three\n\nb: |-\n\n  x\nc: |+\n  y\n\nd: >\n  so\n  long\n\n  text\ne: >-\n  x\n",
        "a: |\n  x\n   \n  y\n     \nb: 1\n",
        "- |\n  x\n- key: |\n    y\n- a\n",
        "a: \"x\\n\\\"y\\\"\\\\\"\nb: 'it''s'\n\"c d\": 1\n'e': \"\"\n",
        "a: [1, \"two\", three, [4]]\nb: []\nc: {}\nd: [ a, b ]\n",
        "a: http://x:80/y#z\nb: a,b [c] {d}\nc: -1\nd: --flag=1\ne: yes\nf: 0644\ng: ~\nh: 1e3\n",
        "yes: 1\n1: 2\n1.5: 3\n/a/b.c: 4\n",
        "a: one\n  two\n\n\n  three # four\nb: x\n # y\nc:\n  - z\n   - z\n",
        "a:\n  {}\nb:\n- \n  x\n-\n  'y'\nc:\n  :z\n",
        "a: \"one\n  two\n\n  three\"\nb: 'it''s\n\n\n    so  \n\n  long '\nc:\n- ' \n  x'\n",
        "a: \"one \\\n  \\ two\\t\\n  \n  three\\\n  four\"\n",
        "a: Grüße, 世界 🎉\n",
        "a: |\n  # no comment\n# a comment\nb: |\n    x\n  # one as well\nc: 1\n",
    ] {
        assert!(is_common(text), "{text}");
    }
}

#[test]
fn what_is_rare_or_wrong_is_left_to_the_reader() {
    for text in [
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "<<: {a: 1}\n",
        "? a\n: b\n",
        "a: \"one\ntwo\"\n",
        "a:\n  b: 'one\n  two'\n",
        "\"one\n  two\": 1\n",
        "a: [1,\n  2]\n",
        "a: |2\n   x\n",
        "a: >\n  x\n    y\n",
        "\ta: 1\n",
        "a:\t1\n",
        "a: b: c\n",
        "a: 1\n  b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: 1\n- b\n",
        "- a\nb: 1\n",
        "a: 'x' y\n",
        "a: @x\nb: `y`\n",
        "a: 1\r\n",
        "a: \"\\u00e4\"\n",
        "--- a\n",
        "a: 1\n...\n",
        "%YAML 1.1\n---\na: 1\n",
        "\u{feff}a: 1\n",
        "a: |",
        "a: |\n  x",
        "{\"a\": 1}\n",
        "text\n",
    ] {
        assert!(!is_common(text), "{text}");
    }
    let twice = "a: 1\na: 2\n";
    assert_eq!(read(twice, Duplicates::Refuse), None);
    assert_eq!(read(twice, Duplicates::LastWins).map(|read| read[0].value.clone()), Some(json!({"a": 2})));
    assert!(is_common(twice));
    let deep = format!("{}x\n", "- ".repeat(5_000));
    assert_eq!(read(&deep, Duplicates::Refuse), None);
}

fn texts_of_words() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b:",
        "c: ",
        "- ",
        "-",
        ":",
        "\n",
        "\n",
        "\n",
        " ",
        "  ",
        "\n  ",
        "\n    ",
        "#",
        " # d",
        "|",
        ">",
        "|-\n",
        "|+\n",
        ">-\n",
        "|\n  ",
        "\"",
        "'",
        "\\",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        "&e",
        "*e",
        "!f",
        "---",
        "---\n",
        "...\n",
        "\t",
        "yes",
        "0x1f",
        "1_0",
        "~",
        "<<: ",
        "? ",
        "%",
        "@",
        "`",
        "=",
        "é",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\r",
        "\u{7f}",
        "http://g",
        "\\ ",
        " '\n ",
        "h \n\n  i\"",
        "\\n",
        "''",
        "\"\"",
        "a: 1\n",
        "- h\n",
        "key: value\n",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.concat())
}

/// Lines that fit together more often than not.
fn texts_of_lines() -> impl Strategy<Value = String> {
    let lines = [
        "a: 1",
        "b:",
        "c: |",
        "c: >-",
        "d: |+",
        "- x",
        "- e: y",
        "- - z",
        "-",
        "- |",
        "# f",
        "",
        "text",
        "---",
        "g: \"h i\"",
        "'j': k # l",
        "m: [n, 'o', {p: q}]",
        "  ",
        "r: {}",
        "- {s: t}",
        "u: v:w",
        "x: it's",
        "and more",
        "l: 'two",
        "lines'",
        "n: \"three",
        "of \\",
        "\\  them\"",
        "{}",
        ":y",
        "z # z",
    ];
    let line = (0usize..4, prop::sample::select(lines.to_vec()));
    prop::collection::vec(line, 0..12).prop_map(|lines| {
        lines.into_iter().map(|(depth, line)| format!("{}{line}\n", "  ".repeat(depth))).collect()
    })
}

/// Quoted scalars that go on in further lines.
fn texts_of_quotes() -> impl Strategy<Value = String> {
    let pieces = [
        "x", "x y", " ", "\n", "\n  ", "\n   ", "\\\n", "\\ ", "\\t", "\\\"", "''", "'", "\"", "#", ": ",
        "\t",
    ];
    let text = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..10);
    (prop::sample::select(vec!['"', '\'']), text)
        .prop_map(|(quote, pieces)| format!("a:\n- {quote}{}{quote}\n", pieces.concat()))
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "[ -~]{0,12}".prop_map(|text| json!(text)),
        "([a-z :#]{0,5}\n){1,3}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-z./-]{1,6}", inner, 0..4).prop_map(|entries| json!(entries)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn all_that_is_common_is_read_as_by_the_reader(text in prop_oneof![texts_of_words(), texts_of_lines(), texts_of_quotes()]) {
        is_common(&text);
    }

    #[test]
    fn what_is_written_here_is_read_as_by_the_reader(value in values()) {
        let mut text = String::new();
        write(&mut text, &value);
        is_common(&text);
    }
}
