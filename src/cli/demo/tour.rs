//! What to try in a demo, in commands that can be copied.

use std::fmt;
use std::path::Path;

use super::Layout;
use super::clusters::{Clusters, kubeconfig};

pub struct Tour<'a> {
    layout: &'a Layout,
    clusters: &'a Clusters,
}

impl<'a> Tour<'a> {
    pub fn new(layout: &'a Layout, clusters: &'a Clusters) -> Tour<'a> {
        Tour { layout, clusters }
    }
}

impl fmt::Display for Tour<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |path: &Path| format!("'{}'", path.display());
        writeln!(f, "\nTry it, in another terminal:\n")?;
        writeln!(f, "  cd {}", quoted(&self.layout.fleet()))?;
        writeln!(f, "  export SYNCLINE_DATA_DIR=../data SYNCLINE_SECRETS_DIR=../secrets")?;
        if let Some(program) = std::env::current_exe().ok().filter(|_| !is_in_path("syncline")) {
            writeln!(f, "  alias syncline={}", quoted(&program))?;
        }
        let Some((name, url)) = self.clusters.first() else { return Ok(()) };
        let (look, drift) = if is_in_path("kubectl") {
            writeln!(f, "  export KUBECONFIG=../secrets/{name}-kubeconfig  # or of another cluster")?;
            (
                "kubectl -n shop get deployment web".to_owned(),
                "kubectl -n shop scale deployment web --replicas 1".to_owned(),
            )
        } else {
            let web = format!("{url}/apis/apps/v1/namespaces/shop/deployments/web");
            let curl = format!("curl -K ../clusters/{name}/curl");
            (format!("{curl} {web}/scale"), format!("{curl} -X DELETE {web}"))
        };
        writeln!(f, "\n  # A commit scales the shop; its replicas are divided 50/30/20.")?;
        writeln!(f, "  sed -i 's/replicas: 10/replicas: 20/' apps/web/base/web.yaml")?;
        writeln!(f, "  syncline plan")?;
        writeln!(f, "  git commit -am 'Scale the shop to 20'")?;
        writeln!(f, "  {look}")?;
        writeln!(f, "\n  # What somebody changes on a cluster does not last.")?;
        writeln!(f, "  {drift}")?;
        writeln!(f, "  {look}")?;
        writeln!(f, "\n  # A revert takes the commit back, everywhere.")?;
        writeln!(f, "  git revert --no-edit HEAD")?;
        writeln!(f, "  syncline status")?;
        writeln!(f, "\nKubeconfigs:")?;
        for name in self.clusters.names().split(", ") {
            writeln!(f, "  {}", kubeconfig(self.layout, name).display())?;
        }
        write!(f, "\nWhat happens is told below. Ctrl-C ends it.\n")
    }
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
