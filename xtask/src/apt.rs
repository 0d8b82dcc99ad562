//! Debian's packages, for those who may install them.

use std::fs;
use std::process::Command;

use crate::steps::Steps;
use crate::workspace::{on_path, output_of};

/// Installs packages, as root or through a sudo that asks for no password.
pub(crate) struct Apt {
    sudo: bool,
}

impl Apt {
    /// Looks whether this is Debian, or made from it, and who we are. `None` when packages cannot be installed.
    pub(crate) fn find() -> Option<Self> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !is_debian(&release) || on_path(&["apt-get"]).is_none() {
            return None;
        }
        if output_of("id", &["-u"]).is_some_and(|id| id.trim() == "0") {
            return Some(Self { sudo: false });
        }
        output_of("sudo", &["-n", "true"]).map(|_| Self { sudo: true })
    }

    /// Installs packages.
    pub(crate) fn install(&self, steps: &mut Steps, packages: &[&str]) {
        // Old lists may still do, so a failure here is left to the installation to tell.
        steps.fetch("packages: lists", self.command().arg("update"));
        let mut install = self.command();
        install
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages);
        steps.fetch("packages: install", &mut install);
    }

    fn command(&self) -> Command {
        let mut command = Command::new(if self.sudo { "sudo" } else { "env" });
        if self.sudo {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    }
}

/// Whether `/etc/os-release` speaks of Debian or of something made from it.
fn is_debian(release: &str) -> bool {
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .any(|(key, value)| {
            matches!(key, "ID" | "ID_LIKE") && value.trim_matches('"').split(' ').any(|name| name == "debian")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_debian_and_its_children() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nNAME=\"not debian\"\n"));
        assert!(!is_debian(""));
    }
}
