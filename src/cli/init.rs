//! `syncline init`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, Verdict};

/// Lay out a first fleet in a folder
///
/// Writes one cluster, one app with an overlay, and a policy that places it; and
/// makes the folder a Git repository if it is none. Files that exist are kept.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder
    #[arg(value_name = "PATH", default_value = ".")]
    folder: PathBuf,
    /// The name of the first cluster
    #[arg(long, value_name = "NAME", default_value = "local")]
    cluster: String,
}

impl Init {
    pub fn run(self) -> Result<Verdict, Failure> {
        let is_name = !self.cluster.is_empty()
            && self.cluster.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !is_name {
            return Err(Failure::new(
                format!("{:?} is not a valid name of a cluster", self.cluster),
                "use lower-case letters, digits and dashes",
            ));
        }
        std::fs::create_dir_all(&self.folder)?;
        for (path, content) in files(&self.cluster) {
            let path = self.folder.join(path);
            if path.exists() {
                println!("kept     {}", path.display());
                continue;
            }
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, content)?;
            println!("written  {}", path.display());
        }
        if !is_in_repository(&self.folder) {
            gix::init(&self.folder).map_err(|error| {
                Failure::new(format!("cannot make a repository: {error}"), "run `git init`")
            })?;
        }
        let folder = self.folder.display();
        println!("\nNext:");
        println!("  syncline validate --repo {folder}");
        println!("  mkdir -p ~/.syncline && cp ~/.kube/config ~/.syncline/{}-kubeconfig", self.cluster);
        println!("  git -C {folder} add . && git -C {folder} commit -m 'A first fleet'");
        println!("  syncline run --once --repo {folder} --secrets-dir ~/.syncline");
        Ok(Verdict::Good)
    }
}

fn is_in_repository(folder: &Path) -> bool {
    gix::discover(folder).is_ok()
}

fn files(cluster: &str) -> Vec<(String, String)> {
    let file = |path: &str, content: &str| (path.to_owned(), content.replace("CLUSTER", cluster));
    vec![
        file(
            "syncline.yaml",
            "\
# The settings of this fleet; all of them are optional.
name: fleet
# Cluster labels in the order in which overlays are merged, the later the stronger.
hierarchy: [environment, region, site, cluster]
",
        ),
        (
            format!("clusters/{cluster}.yaml"),
            format!(
                "\
apiVersion: fleet.kurator.dev/v1alpha1
kind: Cluster
metadata:
  name: {cluster}
  labels:
    environment: development
spec:
  # A file of this name in the folder given with --secrets-dir.
  kubeconfigSecretRef:
    name: {cluster}-kubeconfig
  variables:
    GREETING: hello from {cluster}
"
            ),
        ),
        file(
            "policies/everywhere.yaml",
            "\
apiVersion: policy.kurator.dev/v1alpha1
kind: ClusterPropagationPolicy
metadata:
  name: everywhere
spec:
  resourceSelectors:
    - labelSelector:
        matchLabels:
          app: hello
  placement:
    clusterAffinity:
      labelSelector:
        matchExpressions:
          - {key: environment, operator: Exists}
",
        ),
        file(
            "apps/hello/base/hello.yaml",
            "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
  namespace: hello
  labels:
    app: hello
data:
  greeting: ${GREETING}
  color: blue
",
        ),
        file(
            "apps/hello/overlays/environment=development/hello.yaml",
            "\
# Merged into the object of the same kind and name, on clusters with this label.
apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
data:
  color: green
",
        ),
    ]
}
