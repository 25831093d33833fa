//! Chart.yaml, and what templates see of it as `.Chart`.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::go::{Kind, List, ListType, Map, MapType, Object, Str, Value, number};
use crate::version::Version;

/// What a chart is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartType {
    /// It is installed.
    #[default]
    Application,
    /// It only defines templates for others.
    Library,
}

/// Who keeps a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintainer {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// A page.
    pub url: String,
}

/// A chart that another one wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dependency {
    /// The name of the chart.
    pub name: String,
    /// The range of versions.
    pub version: String,
    /// Where it comes from.
    pub repository: String,
    /// Paths into the values, with commas between: the first boolean decides.
    pub condition: String,
    /// Tags that switch it.
    pub tags: Vec<String>,
    /// What its values give to those of the chart that wants it.
    pub import_values: Vec<Json>,
    /// Another name for it.
    pub alias: String,
}

impl Dependency {
    /// The name under which the outer chart has it.
    pub fn known_as(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

/// Chart.yaml.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// The version of what it installs.
    pub app_version: String,
    /// One sentence.
    pub description: String,
    /// A page.
    pub home: String,
    /// A picture.
    pub icon: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Where its source is.
    pub sources: Vec<String>,
    /// Who keeps it.
    pub maintainers: Vec<Maintainer>,
    /// The versions of Kubernetes it is for.
    pub kube_version: String,
    /// The charts that it wants.
    pub dependencies: Option<Vec<Dependency>>,
    /// What else it says of itself.
    pub annotations: BTreeMap<String, String>,
    /// Whether it should be used no more.
    pub deprecated: bool,
    /// The type as it was written.
    pub kind_text: String,
    /// A condition of charts of the first version.
    pub condition: String,
    /// Tags of charts of the first version.
    pub tags: String,
    /// What it is for.
    pub kind: ChartType,
}

/// A text; numbers and booleans are taken as they are written, which is what the reader
/// of Kubernetes' YAML does where it knows that text is wanted.
fn text_of(value: &Json, field: &str) -> Result<String, String> {
    match value {
        Json::Null => Ok(String::new()),
        Json::String(text) => Ok(sanitized(text)),
        Json::Bool(flag) => Ok(flag.to_string()),
        Json::Number(value) if value.is_f64() => Ok(number::format_float(value.as_f64().unwrap_or(0.0))),
        Json::Number(value) => Ok(value.to_string()),
        _ => Err(format!("{field} must be text")),
    }
}

/// Without what cannot be printed, and with spaces for white space.
fn sanitized(text: &str) -> String {
    text.chars()
        .filter_map(|c| if c.is_whitespace() { Some(' ') } else { (!c.is_control()).then_some(c) })
        .collect()
}

/// The value of a key, whatever the case of its letters.
fn get<'j>(object: &'j serde_json::Map<String, Json>, key: &str) -> Option<&'j Json> {
    let found = object
        .get(key)
        .or_else(|| object.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

fn text(object: &serde_json::Map<String, Json>, key: &str) -> Result<String, String> {
    get(object, key).map_or(Ok(String::new()), |value| text_of(value, key))
}

fn texts(object: &serde_json::Map<String, Json>, key: &str) -> Result<Vec<String>, String> {
    match get(object, key) {
        None => Ok(Vec::new()),
        Some(Json::Array(items)) => items.iter().map(|item| text_of(item, key)).collect(),
        Some(_) => Err(format!("{key} must be a list")),
    }
}

fn objects<'j>(
    object: &'j serde_json::Map<String, Json>,
    key: &str,
) -> Result<Option<Vec<&'j serde_json::Map<String, Json>>>, String> {
    let items = match get(object, key) {
        None => return Ok(None),
        Some(Json::Array(items)) => items,
        Some(_) => return Err(format!("{key} must be a list")),
    };
    let items: Result<Vec<_>, String> = items
        .iter()
        .map(|item| item.as_object().ok_or_else(|| format!("{key} must not contain empty or null nodes")))
        .collect();
    items.map(Some)
}

impl Metadata {
    /// Reads Chart.yaml.
    ///
    /// # Errors
    /// What Helm refuses, with the name of the field.
    pub fn read(document: &Json) -> Result<Metadata, String> {
        let Some(object) = document.as_object() else {
            return Err("is no mapping".to_owned());
        };
        let mut maintainers = Vec::new();
        for item in objects(object, "maintainers")?.unwrap_or_default() {
            maintainers.push(Maintainer {
                name: text(item, "name")?,
                email: text(item, "email")?,
                url: text(item, "url")?,
            });
        }
        let mut annotations = BTreeMap::new();
        if let Some(entries) = get(object, "annotations") {
            let entries = entries.as_object().ok_or("annotations must be a mapping")?;
            for (key, value) in entries {
                annotations.insert(key.clone(), text_of(value, "annotations")?);
            }
        }
        let dependencies = match objects(object, "dependencies")? {
            None => None,
            Some(items) => Some(items.into_iter().map(dependency).collect::<Result<Vec<_>, _>>()?),
        };
        let kind_text = text(object, "type")?;
        let mut metadata = Metadata {
            name: text(object, "name")?,
            version: text(object, "version")?,
            api_version: text(object, "apiVersion")?,
            app_version: text(object, "appVersion")?,
            description: text(object, "description")?,
            home: text(object, "home")?,
            icon: text(object, "icon")?,
            keywords: texts(object, "keywords")?,
            sources: texts(object, "sources")?,
            maintainers,
            kube_version: text(object, "kubeVersion")?,
            dependencies,
            annotations,
            deprecated: get(object, "deprecated").and_then(Json::as_bool).unwrap_or(false),
            condition: text(object, "condition")?,
            tags: text(object, "tags")?,
            kind: if kind_text == "library" { ChartType::Library } else { ChartType::Application },
            kind_text,
        };
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".to_owned();
        }
        metadata.validate()?;
        Ok(metadata)
    }

    /// Chart.yaml as JSON, without what is empty.
    pub fn json(&self) -> Json {
        let name = self.name.clone();
        let dependencies = self.dependencies.as_deref().unwrap_or_default();
        let mut json = ChartObject::new(self, &name, dependencies, true).json();
        if let Some(fields) = json.as_object_mut() {
            fields.remove("IsRoot");
        }
        json
    }

    fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("name is required".to_owned());
        }
        if self.name.contains('/') || self.name == "." || self.name == ".." {
            return Err(format!("name {:?} is invalid", self.name));
        }
        if self.version.is_empty() {
            return Err("version is required".to_owned());
        }
        if Version::parse(&self.version).is_err() {
            return Err(format!("version {:?} is no semantic version", self.version));
        }
        if !matches!(self.kind_text.as_str(), "" | "application" | "library") {
            return Err(format!("type {:?} must be application or library", self.kind_text));
        }
        let mut names = std::collections::HashSet::new();
        for dependency in self.dependencies.iter().flatten() {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !dependency.alias.chars().all(allowed) {
                return Err(format!(
                    "dependency {:?} has disallowed characters in the alias",
                    dependency.name
                ));
            }
            let name = dependency.known_as();
            if !names.insert(name) {
                return Err(format!("more than one dependency with name or alias {name:?}"));
            }
        }
        Ok(())
    }
}

fn dependency(item: &serde_json::Map<String, Json>) -> Result<Dependency, String> {
    Ok(Dependency {
        name: text(item, "name")?,
        version: text(item, "version")?,
        repository: text(item, "repository")?,
        condition: text(item, "condition")?,
        tags: texts(item, "tags")?,
        import_values: get(item, "import-values").and_then(Json::as_array).cloned().unwrap_or_default(),
        alias: text(item, "alias")?,
    })
}

/// A struct of Go that has fields only, each with the name of its JSON.
struct Fields {
    type_name: &'static str,
    fields: Vec<(&'static str, &'static str, Value)>,
}

impl Fields {
    /// What is not empty, by the names of JSON.
    fn shown(&self) -> Vec<(&'static str, Value)> {
        self.fields
            .iter()
            .filter(|(_, _, value)| value.is_true())
            .map(|(_, key, value)| (*key, value.clone()))
            .collect()
    }

    fn print_of(&self) -> String {
        let shown: Vec<String> = self
            .fields
            .iter()
            .map(|(_, _, value)| String::from_utf8_lossy(&crate::go::format::sprint(value)).into_owned())
            .collect();
        format!("{{{}}}", shown.join(" "))
    }
}

impl Object for Fields {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn kind(&self) -> Kind {
        Kind::Pointer
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, _, _)| *field == name).map(|(_, _, value)| value.clone())
    }

    fn print(&self) -> String {
        format!("&{}", self.print_of())
    }

    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(self.shown())
    }

    fn json(&self) -> Json {
        json_of(self.shown())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn json_of(fields: Vec<(&'static str, Value)>) -> Json {
    fields.into_iter().map(|(key, value)| (key.to_owned(), crate::go::json::to_json(&value))).collect()
}

/// `.Chart`.
pub struct ChartObject {
    fields: Fields,
    is_root: bool,
}

impl ChartObject {
    /// The chart as its templates see it: under its alias, with the dependencies that are
    /// enabled.
    pub fn new(metadata: &Metadata, name: &str, dependencies: &[Dependency], is_root: bool) -> ChartObject {
        let strings = |items: &[String]| Value::strings(items.iter().map(String::as_str));
        let maintainers = metadata.maintainers.iter().map(|maintainer| {
            Value::Object(Rc::new(Fields {
                type_name: "*chart.Maintainer",
                fields: vec![
                    ("Name", "name", Value::text(maintainer.name.as_str())),
                    ("Email", "email", Value::text(maintainer.email.as_str())),
                    ("URL", "url", Value::text(maintainer.url.as_str())),
                ],
            }))
        });
        let dependencies = dependencies.iter().map(|dependency| {
            let imports = dependency.import_values.iter().map(crate::go::json::with_floats).collect();
            let name = dependency.known_as();
            Value::Object(Rc::new(Fields {
                type_name: "*chart.Dependency",
                fields: vec![
                    ("Name", "name", Value::text(name)),
                    ("Version", "version", Value::text(dependency.version.as_str())),
                    ("Repository", "repository", Value::text(dependency.repository.as_str())),
                    ("Condition", "condition", Value::text(dependency.condition.as_str())),
                    ("Tags", "tags", strings(&dependency.tags)),
                    ("Enabled", "enabled", Value::Bool(true)),
                    ("ImportValues", "import-values", Value::list(imports)),
                    ("Alias", "alias", Value::text(dependency.alias.as_str())),
                ],
            }))
        });
        let annotations = metadata
            .annotations
            .iter()
            .map(|(key, value)| (Str::from(key.as_str()), Value::text(value.as_str())));
        let text = |text: &str| Value::text(text);
        let fields = vec![
            ("Name", "name", text(name)),
            ("Home", "home", text(&metadata.home)),
            ("Sources", "sources", strings(&metadata.sources)),
            ("Version", "version", text(&metadata.version)),
            ("Description", "description", text(&metadata.description)),
            ("Keywords", "keywords", strings(&metadata.keywords)),
            (
                "Maintainers",
                "maintainers",
                Value::List(List::new(ListType::Maintainers, maintainers.collect())),
            ),
            ("Icon", "icon", text(&metadata.icon)),
            ("APIVersion", "apiVersion", text(&metadata.api_version)),
            ("Condition", "condition", text(&metadata.condition)),
            ("Tags", "tags", text(&metadata.tags)),
            ("AppVersion", "appVersion", text(&metadata.app_version)),
            ("Deprecated", "deprecated", Value::Bool(metadata.deprecated)),
            (
                "Annotations",
                "annotations",
                Value::Map(Map::from_entries(MapType::Strings, annotations.collect())),
            ),
            ("KubeVersion", "kubeVersion", text(&metadata.kube_version)),
            (
                "Dependencies",
                "dependencies",
                Value::List(List::new(ListType::Dependencies, dependencies.collect())),
            ),
            ("Type", "type", text(&metadata.kind_text)),
        ];
        ChartObject {
            fields: Fields { type_name: "struct { chart.Metadata; IsRoot bool }", fields },
            is_root,
        }
    }
}

impl Object for ChartObject {
    fn type_name(&self) -> &'static str {
        self.fields.type_name
    }

    fn field(&self, name: &str) -> Option<Value> {
        if name == "IsRoot" {
            return Some(Value::Bool(self.is_root));
        }
        self.fields.field(name)
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.fields.print_of(), self.is_root)
    }

    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        let mut fields = self.fields.shown();
        fields.push(("IsRoot", Value::Bool(self.is_root)));
        Some(fields)
    }

    fn json(&self) -> Json {
        json_of(self.json_fields().unwrap_or_default())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
