//! Templates, values, versions, archives and the like come from outside: whatever they
//! hold, the answer is a result or an error.

use proptest::prelude::*;
use syncline_helm::chart::{ArchiveLimits, ChartFile, load_archive, load_files};
use syncline_helm::go::format::sprintf;
use syncline_helm::go::{Map, Value, json, regex, time, toml, url, yaml};
use syncline_helm::record;
use syncline_helm::release::{Capabilities, Operation, Release, RenderOptions, render, split};
use syncline_helm::values::{self, SetKind};
use syncline_helm::version::{Constraint, Version};

/// Text that looks like templates more often than not.
fn template() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{{-"),
        Just("-}}"),
        Just(" "),
        Just("\n"),
        Just("("),
        Just(")"),
        Just("|"),
        Just("."),
        Just(".Values"),
        Just(".Values.a"),
        Just(".Values.m.x"),
        Just("$"),
        Just("$x"),
        Just(":="),
        Just("="),
        Just(","),
        Just("if"),
        Just("else"),
        Just("end"),
        Just("range"),
        Just("with"),
        Just("define \"t\""),
        Just("template \"t\""),
        Just("include \"t\" ."),
        Just("block \"b\" ."),
        Just("break"),
        Just("continue"),
        Just("nil"),
        Just("true"),
        Just("\"s\""),
        Just("`raw`"),
        Just("'c'"),
        Just("1"),
        Just("-2.5"),
        Just("0x1F"),
        Just("1e9"),
        Just("/*"),
        Just("*/"),
        Just("tpl"),
        Just("printf"),
        Just("index"),
        Just("dict"),
        Just("list"),
        Just("set"),
        Just("toYaml"),
        Just("fromYaml"),
        Just("substr"),
        Just("trunc"),
        Just("slice"),
        Just("until"),
        Just("seq"),
        Just("splitList"),
        Just("regexSplit"),
        Just("merge"),
        Just("dig"),
        Just("first"),
        Just("chunk"),
        Just("round"),
        Just("div"),
        Just("mod"),
        Just("abbrev"),
        Just("wrap"),
        Just("date"),
        Just("toDate"),
        Just("semver"),
        Just("urlParse"),
        Just("b32dec"),
        Just("required"),
        Just("é"),
        Just("☃"),
        Just("a: 1"),
        Just("- x"),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

/// One call of one function, with arguments of many kinds.
fn call() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = syncline_helm::functions::names()
        .into_iter()
        // Keys and passwords take long, and are tried elsewhere.
        .filter(|name| !name.starts_with("gen") && !matches!(*name, "bcrypt" | "htpasswd" | "derivePassword"))
        .collect();
    let argument = prop_oneof![
        Just("\"\""),
        Just("\"abc\""),
        Just("\"é☃\""),
        Just("\"1.2.3\""),
        Just("\"a,b\""),
        Just("0"),
        Just("1"),
        Just("-1"),
        Just("3"),
        Just("9223372036854775807"),
        Just("1.5"),
        Just("-0.0"),
        Just("1e300"),
        Just("true"),
        Just("nil"),
        Just("."),
        Just(".Values"),
        Just(".Values.a"),
        Just(".Values.l"),
        Just(".Values.m"),
        Just(".missing"),
        Just("(list 1 \"x\")"),
        Just("(list)"),
        Just("(dict \"k\" 1)"),
        Just("(dict)"),
        Just("(now)"),
        Just("(semver \"1.2.3\")"),
        Just("(b64dec \"/w==\")"),
        Just("\"%d %s %q\""),
        Just("\"[\""),
        Just("\"2006-01-02\""),
        Just("\"1h\""),
    ];
    (prop::sample::select(names), prop::collection::vec(argument, 0..5))
        .prop_map(|(name, arguments)| format!("{{{{ {name} {} }}}}", arguments.join(" ")))
}

fn rendered(text: &str) {
    let file = |name: &str, text: &str| ChartFile { name: name.into(), data: text.into() };
    let chart = load_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        file("values.yaml", "a: text\nm: {x: 1}\nl: [1, b]\n"),
        file("templates/t.yaml", text),
    ]);
    let release =
        Release { name: "r".into(), namespace: "n".into(), revision: 1, operation: Operation::Install };
    let chart = chart.expect("the chart itself is well");
    let _ = render(&chart, &Default::default(), &release, &Capabilities::default(), RenderOptions::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn templates(text in template()) {
        rendered(&text);
    }

    #[test]
    fn functions(text in call()) {
        rendered(&text);
    }

    #[test]
    fn texts(text in any::<String>(), other in "[ -~]{0,12}") {
        rendered(&text);
        let _ = Version::parse(&text);
        let _ = (Constraint::parse(&text), Constraint::parse(&other));
        let _ = (regex::compile(&other), regex::compile(&text));
        let _ = (url::Url::parse(&text), url::Url::parse(&other));
        let _ = (time::parse(&text, &other), time::parse(&other, &text), time::parse_duration(&text));
        let _ = time::Time::now().format(&text);
        let _ = (yaml::unmarshal(&text), json::unmarshal(text.as_bytes()), toml::unmarshal(&text));
        let _ = split(&text);
        let mut values = serde_json::Map::new();
        let _ = values::set(&mut values, &text, SetKind::Typed);
        let _ = values::set_json(&mut values, &other);
        let _ = values::set_literal(&mut values, &text);
        let _ = sprintf(text.as_bytes(), &[Value::Int(1), Value::text("x"), Value::Nil, Value::Map(Map::new())]);
        let _ = sprintf(other.as_bytes(), &[Value::Float(1.5), Value::Bool(true)]);
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let gzipped = [b"\x1f\x8b\x08".as_slice(), &bytes].concat();
        let _ = load_archive(&bytes, &ArchiveLimits::default(), 3);
        let _ = load_archive(&gzipped, &ArchiveLimits::default(), 3);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = record::read(&serde_json::json!({"type": record::SECRET_TYPE, "data": {"release": text}}));
    }

    #[test]
    fn what_yaml_writes_reads_back(text in any::<String>(), key in "[a-z\\-: #]{1,8}", number in any::<i64>()) {
        let map = Map::new();
        map.insert(key.as_str(), Value::text(text.as_str()));
        map.insert("n", Value::Int64(number));
        let written = yaml::marshal(&Value::Map(map.clone()), yaml::Layout::Compact).expect("it has a form");
        let read = yaml::unmarshal_map(&written);
        prop_assert!(read.is_ok(), "{written}\n{read:?}", read = read.err());
        if let Ok(read) = yaml::unmarshal_map(&written) && key != "n" {
            // The reader's library takes some control characters for line breaks.
            if !text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\r']) {
                let got = json::to_json(&read.get(key.as_bytes()).unwrap_or(Value::Nil));
                prop_assert_eq!(got, serde_json::Value::from(text.as_str()), "{}", written);
            }
        }
    }
}
