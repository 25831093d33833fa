//! Helm charts, loaded and rendered as Helm does it, in one process.
//!
//! The crate knows charts and Go, and nothing of fleets. From the bottom to the top:
//!
//! | module | what it is |
//! |---|---|
//! | [`go`] | Go's values and types, and how its library prints and reads them |
//! | [`template`] | `text/template`: lexer, parser, interpreter |
//! | [`functions`] | the functions of templates: Go's, sprig's, Helm's |
//! | [`version`] | semantic versions and their constraints |
//! | [`values`] | values: reading, merging, `--set`, schemas, dependencies |
//! | [`chart`] | a chart as it is loaded: immutable, shared |
//! | [`release`] | a chart and values become manifests, hooks and notes |
//! | [`record`] | Helm's own record of a release |
//!
//! ```
//! use syncline_helm::chart::{ChartFile, load_files};
//! use syncline_helm::release::{Capabilities, Operation, Release, RenderOptions, render};
//!
//! let file = |name: &str, text: &str| ChartFile { name: name.into(), data: text.into() };
//! let chart = load_files(vec![
//!     file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
//!     file("values.yaml", "replicas: 2\n"),
//!     file("templates/web.yaml", "kind: Web\nname: {{ .Release.Name }}\nreplicas: {{ .Values.replicas }}\n"),
//! ])
//! .unwrap();
//! let release = Release {
//!     name: "shop".into(),
//!     namespace: "default".into(),
//!     revision: 1,
//!     operation: Operation::Install,
//! };
//! let rendered =
//!     render(&chart, &Default::default(), &release, &Capabilities::default(), RenderOptions::default()).unwrap();
//! assert_eq!(rendered.manifests[0].text, "kind: Web\nname: shop\nreplicas: 2");
//! ```
//!
//! Values at rest ([`values::Frozen`]) and compiled templates are shared between threads;
//! the values of one rendering ([`go::Value`]) are references, as in Go, and belong to the
//! thread that renders.

pub mod chart;
pub mod functions;
pub mod go;
mod parallel;
pub mod record;
pub mod release;
pub mod template;
pub mod values;
pub mod version;
