//! The charts of releases: where the sources of a fleet say that they are, in its own
//! repository or elsewhere.

pub(super) mod load;
mod request;

use syncline_helm::version::{Constraint, Version};

use super::Fleet;
use super::cache::LoadCache;
use super::location::join;
use crate::api::{ChartSourceSpec, ChartSpec, HelmRelease, suggest};
use crate::git::{GitError, Snapshot};
pub use load::{LoadedChart, NoChart, load as load_chart};
use request::Secrets;
pub use request::{Access, ChartRequest, Remote, SecretData, Wanted};

/// Where a chart is.
#[derive(Debug, Clone)]
pub enum FoundChart {
    /// In the fleet repository.
    Here(LoadedChart),
    /// Elsewhere: it has to be fetched.
    Remote(Box<ChartRequest>),
}

/// The charts of a commit.
pub struct Charts<'f> {
    /// The commit.
    pub snapshot: &'f Snapshot,
    /// The fleet: where its folder is, from which paths count, and what it defines,
    /// sources and the Secrets for them among it.
    pub fleet: &'f Fleet,
}

impl Charts<'_> {
    /// The chart of a release.
    ///
    /// # Errors
    /// Outside, when the repository is damaged; inside, when there is no such chart.
    pub fn of(
        &self,
        release: &HelmRelease,
        loads: &mut LoadCache,
    ) -> Result<Result<FoundChart, NoChart>, GitError> {
        let from = release.namespace();
        let spec = match (&release.spec.chart, &release.spec.chart_ref) {
            (Some(chart), _) => &chart.spec,
            (None, Some(reference)) => {
                let source = self.fleet.sources.iter().find(|source| source.value.is_meant(reference, from));
                match source.map(|source| &source.value.spec) {
                    Some(ChartSourceSpec::HelmChart(spec)) => &**spec,
                    Some(ChartSourceSpec::OciRepository(repository)) => {
                        let namespace = reference.namespace.as_deref().unwrap_or(from);
                        let secrets = Secrets { fleet: self.fleet, namespace };
                        let request = secrets.of_oci(repository);
                        return Ok(request.map(|request| FoundChart::Remote(Box::new(request))));
                    }
                    Some(_) => {
                        return Ok(Err(NoChart::new(
                            format!("{} {} is no chart", reference.kind, reference.name),
                            "chartRef means an OCIRepository or a HelmChart; name others in chart.spec.sourceRef",
                        )));
                    }
                    None => return Ok(Err(self.no_source(&reference.kind, &reference.name))),
                }
            }
            (None, None) => return Ok(Err(NoChart::new("names no chart", "give spec.chart"))),
        };
        self.of_spec(spec, from, loads)
    }

    fn of_spec(
        &self,
        spec: &ChartSpec,
        from: &str,
        loads: &mut LoadCache,
    ) -> Result<Result<FoundChart, NoChart>, GitError> {
        if let Err(problem) = request::unsigned(spec.verify.as_ref(), "ref.digest of an OCIRepository") {
            return Ok(Err(problem));
        }
        let reference = &spec.source_ref;
        let source = self.fleet.sources.iter().find(|source| source.value.is_meant(reference, from));
        match (source.map(|source| &source.value.spec), reference.kind.as_str()) {
            (Some(ChartSourceSpec::HelmRepository(repository)), _) if !repository.url.contains("://") => {
                Ok(self.in_folder(&self.path(&repository.url), spec, loads)?.map(FoundChart::Here))
            }
            // A Git repository that is not defined is this one.
            (None, "GitRepository") => {
                Ok(self.at_path(&self.path(&spec.chart), loads)?.map(FoundChart::Here))
            }
            (Some(source), kind) => {
                let namespace = reference.namespace.as_deref().unwrap_or(from);
                let secrets = Secrets { fleet: self.fleet, namespace };
                let request = match source {
                    ChartSourceSpec::HelmRepository(repository) => secrets.of_helm(repository, spec),
                    ChartSourceSpec::GitRepository(repository) => secrets.of_git(repository, spec),
                    ChartSourceSpec::OciRepository(_) | ChartSourceSpec::HelmChart(_) => Err(NoChart::new(
                        format!("{kind} {} holds no charts by name", reference.name),
                        "name it in spec.chartRef",
                    )),
                };
                Ok(request.map(|request| FoundChart::Remote(Box::new(request))))
            }
            (None, kind) => Ok(Err(self.no_source(kind, &reference.name))),
        }
    }

    fn no_source(&self, kind: &str, name: &str) -> NoChart {
        let names = self.fleet.sources.iter().map(|source| source.value.metadata.name.as_str());
        let hint = match suggest(name, names) {
            Some(close) => format!("did you mean {close}?"),
            None => format!(
                "add the {kind} to the repository; one whose url is a folder of it, such as ./charts, \
                 needs no network"
            ),
        };
        NoChart::new(format!("there is no {kind} {name}"), hint)
    }

    /// A chart at a path of the repository.
    fn at_path(&self, path: &str, loads: &mut LoadCache) -> Result<Result<LoadedChart, NoChart>, GitError> {
        let Some(entry) = self.snapshot.find(path)? else {
            return Ok(Err(NoChart::new(
                format!("there is no chart at {path:?}"),
                "the path counts from the root of the fleet",
            )));
        };
        // The version of a chart in a Git repository is the commit's, as with Flux.
        loads.chart(self.snapshot, path, &entry)
    }

    /// A path as the fleet writes it, from the root of the repository.
    fn path(&self, written: &str) -> String {
        join(&self.fleet.folder, written.trim_start_matches("./").trim_matches('/'))
    }

    /// The newest chart of a name and range among those of a folder.
    fn in_folder(
        &self,
        folder: &str,
        spec: &ChartSpec,
        loads: &mut LoadCache,
    ) -> Result<Result<LoadedChart, NoChart>, GitError> {
        let wanted = spec.version.as_deref().unwrap_or("*");
        let entries = match self.snapshot.find(folder)? {
            Some(entry) if entry.is_folder => loads.list(self.snapshot, entry.id)?,
            _ => {
                return Ok(Err(NoChart::new(
                    format!("there is no folder {folder:?}"),
                    "the url of the HelmRepository is a path from the root of the fleet",
                )));
            }
        };
        let mut found: Vec<(Version, LoadedChart)> = Vec::new();
        let mut problem = None;
        let mut names: Vec<String> = Vec::new();
        for entry in entries.iter() {
            let may_be = *entry.name == *spec.chart || entry.name.starts_with(&format!("{}-", spec.chart));
            if !may_be || !(entry.is_folder || entry.name.ends_with(".tgz")) {
                names.push(entry.name.to_string());
                continue;
            }
            match loads.chart(self.snapshot, &join(folder, &entry.name), entry)? {
                Ok(loaded) if loaded.chart.metadata.name == spec.chart => {
                    if let Ok(version) = Version::parse(&loaded.chart.metadata.version) {
                        found.push((version, loaded));
                    }
                }
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        found.sort_by(|(a, _), (b, _)| b.compare(a));
        Ok(match (choose(wanted, &found), problem) {
            (Ok(loaded), _) => Ok(loaded.clone()),
            (Err(_), Some(problem)) => Err(problem),
            (Err(_), None) if found.is_empty() => Err(NoChart::new(
                format!("there is no chart {:?} in {folder:?}", spec.chart),
                match suggest(&spec.chart, names.iter().map(String::as_str)) {
                    Some(close) => format!("did you mean {close}?"),
                    None => format!("put it there as a folder {}, or as an archive", spec.chart),
                },
            )),
            (Err(problem), None) => Err(NoChart {
                message: format!("chart {:?} in {folder:?}: {}", spec.chart, problem.message),
                ..problem
            }),
        })
    }
}

/// The version that is wanted among those that there are, the newest first: one that is
/// written so, else the newest of the range.
///
/// # Errors
/// There is none; the nearest are named.
pub fn choose<'v, T>(wanted: &str, versions: &'v [(Version, T)]) -> Result<&'v T, NoChart> {
    let constraint = Constraint::parse(wanted).map_err(|message| {
        NoChart::new(format!("version: {message}"), "write a version, or a range such as ^1.2")
    })?;
    let exact = versions.iter().find(|(version, _)| *version.original == *wanted);
    let chosen = exact.or_else(|| versions.iter().find(|(version, _)| constraint.check(version)));
    chosen.map(|(_, chosen)| chosen).ok_or_else(|| {
        NoChart::new(
            format!("there is no version {wanted}"),
            format!("nearest: {}", nearest_versions(wanted, versions)),
        )
    })
}

/// The versions around the one that is missing, the newest first.
fn nearest_versions<T>(wanted: &str, versions: &[(Version, T)]) -> String {
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let base: String =
        wanted.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| digits(*c)).collect();
    let at = match Version::parse(&base) {
        Ok(base) => {
            versions.iter().position(|(version, _)| version.compare(&base).is_lt()).unwrap_or(versions.len())
        }
        Err(_) => 0,
    };
    let from = at.saturating_sub(2).min(versions.len().saturating_sub(4));
    let shown: Vec<&str> =
        versions.iter().skip(from).take(4).map(|(version, _)| &*version.original).collect();
    shown.join(", ")
}
