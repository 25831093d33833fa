//! What the project carries equals what the real server says of itself.

use syncline_testutils::real;

use super::support::project;

#[test]
fn the_tables_of_built_in_kinds_equal_the_servers_openapi() {
    let Some(server) = real() else { return };
    let openapi = server.raw("/openapi/v2");
    let openapi: serde_json::Value = serde_json::from_str(&openapi).expect("JSON");
    for (path, table) in [
        ("crates/manifest/src/schema/builtin.txt", syncline_testutils::schema_table::derive(&openapi)),
        ("crates/apiserver/src/openapi/enums.txt", syncline_testutils::enum_table::derive(&openapi)),
    ] {
        let path = project(path);
        if std::env::var_os("UPDATE_SCHEMA_TABLE").is_some() {
            std::fs::write(&path, &table).expect("the table is written");
        }
        let carried = std::fs::read_to_string(path).expect("the table");
        assert!(table == carried, "run the tests with UPDATE_SCHEMA_TABLE=1 to renew the tables");
    }
}
