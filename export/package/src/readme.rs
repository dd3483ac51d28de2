//! `README.md` of a server package: commands that start the server, and one that verifies it. The commands follow the
//! servers' documented images; Kiln's documentation lists which of them ran, and where. In a folder with the packages of
//! several servers each server has a file.

use std::path::{Path, PathBuf};

use kiln_tile::stain::StainPlace;

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::repository::Record;
use crate::request::PackageRequest;
use crate::server::{Instructions, Server};

/// The file's name.
const README: &str = "README.md";

/// The words that every README of Kiln's contains.
const MARK: &str = "Packaged by Kiln";

/// Writes the file in one step, as `README-<target>.md` if `README.md` is that of another server; returns `None` if the
/// file exists and is not Kiln's. `others` are models that were packaged there before.
pub(crate) fn write(
    server: &dyn Server,
    request: &PackageRequest,
    plans: &[Plan],
    others: &[Record],
) -> Result<Option<PathBuf>> {
    let own = format!("README-{}.md", request.target);
    let path = match owner(&request.out.join(README), server) {
        Owner::This => request.out.join(README),
        Owner::OtherServer if matches!(owner(&request.out.join(&own), server), Owner::This) => request.out.join(own),
        _ => return Ok(None),
    };
    let text = text(server, request, plans, others);
    kiln_files::publish::write_file(&path, text.as_bytes()).map_err(Error::write(&path))?;
    Ok(Some(path))
}

/// The owner of a README; a file that does not exist belongs to this server.
enum Owner {
    This,
    OtherServer,
    User,
}

fn owner(path: &Path, server: &dyn Server) -> Owner {
    match std::fs::read_to_string(path) {
        Ok(there) if there.contains(&mark(server)) => Owner::This,
        Ok(there) if there.contains(MARK) => Owner::OtherServer,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Owner::This,
        _ => Owner::User,
    }
}

/// The end of the title and the mark, which name the server.
fn mark(server: &dyn Server) -> String {
    format!(" for {}\n\n{MARK}", server.title())
}

fn text(server: &dyn Server, request: &PackageRequest, plans: &[Plan], others: &[Record]) -> String {
    let models = plans.iter().map(|plan| &plan.model).chain(others.iter().map(|record| &record.model));
    let names: Vec<String> = models.clone().map(|model| format!("`{model}`")).collect();
    let first = plans.first().map_or("", |plan| plan.model.as_str());
    let Instructions { start, url, notes } = server.instructions(request, first);
    let proofs: String = models.map(|model| format!("kiln verify BUNDLE --endpoint {url} --model {model}\n")).collect();
    format!(
        "# {names}{mark} {version}. Run the commands in this folder.\n\n## Start\n\n```\n{start}```\n\n\
         ## Verify\n\nSends the bundle's golden tiles to the running server and compares outputs and decisions with those of \
         the trained model. `BUNDLE` is the folder that the model was packaged from.\n\n```\n{proofs}```\n\n## Check\n\n\
         Compares every file with its digest and every configuration with its graph:\n\n```\nkiln package --check .\n```\n\n\
         {stain}{notes}",
        names = names.join(", "),
        mark = mark(server),
        version = env!("CARGO_PKG_VERSION"),
        stain = stain(plans, others),
    )
}

/// The part for clients that must normalise tiles.
fn stain(plans: &[Plan], others: &[Record]) -> String {
    let of_plan = |plan: &Plan| Some((plan.model.clone(), plan.source.bundle.manifest.tile.before_graph()?));
    let of_record = |record: &Record| {
        let stain = record.stain_normalisation.filter(|stain| stain.place == StainPlace::Runtime)?;
        Some((record.model.clone(), stain.normaliser))
    };
    let all = plans.iter().filter_map(of_plan).chain(others.iter().filter_map(of_record));
    let graphs: Vec<String> = all
        .map(|(model, stain)| {
            format!("The graph of `{model}` takes tiles after {} stain normalisation", stain.method())
        })
        .collect();
    if graphs.is_empty() {
        return String::new();
    }
    format!(
        "## Clients normalise stains\n\n{}; tiles as decoded get wrong scores. `kiln score BUNDLE TILES \
         --endpoint URL` normalises. Other clients must do the same with the target in `kiln.json`, `stain_normalisation`.\n\n",
        graphs.join(". ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::server::for_target;
    use crate::target::Target;

    #[test]
    fn each_server_has_its_file_and_that_of_a_user_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let written = |target| {
            let request = PackageRequest::new("bundle".into(), scratch.path().to_owned(), target);
            let path = write(for_target(target), &request, &[], &[]).unwrap()?;
            Some(path.file_name().unwrap().to_str().unwrap().to_owned())
        };
        for _ in 0..2 {
            assert_eq!(written(Target::Ovms).unwrap(), "README.md");
            assert_eq!(written(Target::Triton).unwrap(), "README-triton.md");
        }
        std::fs::write(scratch.path().join("README-triton.md"), "Notes").unwrap();
        assert_eq!(written(Target::Triton), None);
        std::fs::write(scratch.path().join(README), "Notes").unwrap();
        assert_eq!(written(Target::Ovms), None);
    }
}
