//! The signed statement: an in-toto statement (version 1) with the predicate of the model-signing format (version 1.0). It
//! lists every file of a folder with its SHA-256. Its subject is the folder, with the SHA-256 over the digests of the list.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";
const METHOD: &str = "files";
const SHA256: &str = "sha256";

/// The most files of a signed folder.
pub(crate) const FILES_LIMIT: usize = 65_536;

/// The content of a signature: the files with their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Name of the folder. It is not compared: a folder may be renamed.
    pub(crate) name: String,
    /// Paths that are not signed, relative to the folder: the signature itself, and files of git.
    pub(crate) ignored: Vec<String>,
    /// Path, with `/` between its parts, to SHA-256 in lower-case hexadecimal; in the order of the statement.
    pub(crate) files: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

impl Statement {
    /// A statement of files, in the order of the format: by the parts of their paths.
    pub(crate) fn new(name: String, ignored: Vec<String>, mut files: Vec<(String, String)>) -> Self {
        files.sort_by(|(one, _), (other, _)| one.split('/').cmp(other.split('/')));
        Self { name, ignored, files }
    }

    /// The bytes to sign.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let resource = |(name, digest): &(String, String)| Resource {
            name: name.clone(),
            algorithm: SHA256.to_owned(),
            digest: digest.clone(),
        };
        let predicate = Predicate {
            serialization: Serialization {
                method: METHOD.to_owned(),
                hash_type: SHA256.to_owned(),
                allow_symlinks: false,
                ignore_paths: self.ignored.clone(),
            },
            resources: self.files.iter().map(resource).collect(),
        };
        let digest = BTreeMap::from([(SHA256.to_owned(), self.digest())]);
        serde_json::to_vec_pretty(&Wire {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject { name: self.name.clone(), digest }],
            predicate_type: PREDICATE.to_owned(),
            predicate: serde_json::to_value(&predicate)?,
        })
    }

    /// Reads signed bytes.
    ///
    /// # Errors
    /// The field, with the value found and the expected one.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| format!("not an in-toto statement: {error}"))?;
        expect("_type", &wire.kind, STATEMENT)?;
        expect("predicateType", &wire.predicate_type, PREDICATE)?;
        let [subject] = wire.subject.as_slice() else {
            return Err(format!("the statement has {} subjects; expected one", wire.subject.len()));
        };
        let predicate: Predicate =
            serde_json::from_value(wire.predicate).map_err(|error| format!("predicate of the statement: {error}"))?;
        expect("serialization.method", &predicate.serialization.method, METHOD)?;
        expect("serialization.hash_type", &predicate.serialization.hash_type, SHA256)?;
        let files = files(predicate.resources)?;
        let statement = Self { name: subject.name.clone(), ignored: predicate.serialization.ignore_paths, files };
        let found = subject.digest.get(SHA256).ok_or("the subject of the statement has no SHA-256")?;
        let digest = statement.digest();
        if !found.eq_ignore_ascii_case(&digest) {
            return Err(format!("the subject has the digest {found}, but its files have {digest}"));
        }
        Ok(statement)
    }

    /// SHA-256 over the digests of the files, in their order.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (_, digest) in &self.files {
            hasher.update(bytes_of(digest));
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn expect(field: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{field} is `{found}`; expected `{expected}`")) }
}

fn files(resources: Vec<Resource>) -> Result<Vec<(String, String)>, String> {
    if resources.len() > FILES_LIMIT {
        return Err(format!("it lists {} files, over the limit of {FILES_LIMIT}", resources.len()));
    }
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for Resource { name, algorithm, digest } in resources {
        expect(&format!("the algorithm of `{name}`"), &algorithm, SHA256)?;
        if digest.len() != 64 || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(format!("the digest of `{name}` is not a SHA-256: `{digest}`"));
        }
        if !seen.insert(name.clone()) {
            return Err(format!("it lists `{name}` twice"));
        }
        files.push((name, digest.to_ascii_lowercase()));
    }
    Ok(files)
}

/// The bytes of a digest in hexadecimal, all of whose digits are valid.
fn bytes_of(digest: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    digest.as_bytes().chunks_exact(2).map(|pair| (digit(pair[0]) << 4) | digit(pair[1])).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        let file = |name: &str, digest: &str| (name.to_owned(), digest.to_owned());
        let files = vec![
            file("z", "7de1555df0c2700329e815b93b32c571c3ea54dc967b89e81ab73b9972b72d1d"),
            file("a.b", "53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3"),
            file("a/b", "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"),
        ];
        Statement::new("m".to_owned(), vec![".git".to_owned()], files)
    }

    #[test]
    fn the_digest_of_the_subject_is_that_of_the_python_package() {
        // `model_signing sign key` 1.1.1 on files of `1\n`, `2\n` and `4\n`. A folder comes before a name with a dot.
        assert_eq!(statement().digest(), "aec77f90e22496470dfdbe8436f4aa90747fa6e8d0f696ca9a66d721e2b08e90");
        assert_eq!(statement().files[0].0, "a/b");
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Statement::from_json(&statement().to_json().unwrap()), Ok(statement()));
    }
}
