//! One root follows another (docs/fleet-trust.md): the next one is made beside the one in use, signers and the broker come under
//! it, and the one before retires. Each step can be repeated.

use std::fs;
use std::io;

use fleet::contract::{Grant, Tenant, TrustDocument};
use fleet::trust::{Authority, Validity};
use jiff::Timestamp;
use openssl::nid::Nid;
use openssl::pkey::PKeyRef;
use openssl::x509::{X509, X509Ref};

use super::{DAYS, Folder, FolderError, ROOT_DAYS};

/// The root that comes.
const NEXT: &str = "next-root";
/// The same, as the one in use signed it.
const CROSSED: &str = "next-root-crossed.pem";
/// The same, once it is the one in use.
const PROOF: &str = "root-crossed.pem";
/// Where the root that went lies.
const RETIRED: &str = "retired-root";

impl Folder {
    /// The root that comes; none: no rotation is under way.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn next_root(&self) -> Result<Option<X509>, FolderError> {
        if !self.path(&format!("{NEXT}.key")).exists() {
            return Ok(None);
        }
        Ok(Some(self.authority(NEXT)?.certificate().to_owned()))
    }

    /// Makes the next root, and lets everybody who reads this folder trust both. What boxes shall trust from now on.
    ///
    /// # Errors
    /// The key of the root is not here, or a file cannot be written.
    pub fn begin_rotation(&self, tenant: &Tenant, now: Timestamp) -> Result<TrustDocument, FolderError> {
        let root = self.authority("root")?;
        if self.next_root()?.is_none() {
            let name = format!("{tenant} fleet root {}", now.strftime("%Y-%m-%d %H:%M:%S"));
            let next = Authority::root(&name, tenant, Validity::days(now, ROOT_DAYS))?;
            let crossed = root.cross_sign(next.certificate(), tenant, Validity::days(now, ROOT_DAYS))?;
            self.write(CROSSED, &crossed.to_pem()?)?;
            self.write(&format!("{NEXT}.pem"), &next.certificate().to_pem()?)?;
            // With the key it has begun.
            self.write(&format!("{NEXT}.key"), &next.key().private_key_to_pem_pkcs8()?)?;
        }
        let next = self.authority(NEXT)?;
        let both = [root.certificate().to_owned(), next.certificate().to_owned()];
        let document = TrustDocument::new(&both, &self.proofs()?)?;
        self.trusting(&both, &document)?;
        Ok(document)
    }

    /// The next root as the one in use signed it, and that one as its own predecessor did.
    fn proofs(&self) -> Result<Vec<X509>, FolderError> {
        let mut proofs = Vec::new();
        for name in [CROSSED, PROOF] {
            match fs::read(self.path(name)) {
                Ok(pem) => proofs.push(X509::from_pem(&pem).map_err(|error| self.broken(name, error))?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed(name, error)),
            }
        }
        Ok(proofs)
    }

    fn failed(&self, name: &str, error: io::Error) -> FolderError {
        FolderError::Io {
            path: self.path(name),
            error,
        }
    }

    fn trusting(&self, roots: &[X509], document: &TrustDocument) -> Result<(), FolderError> {
        let pem: Result<Vec<Vec<u8>>, _> = roots.iter().map(|root| root.to_pem()).collect();
        self.write("root.pem", &pem?.concat())?;
        self.write("trust.json", &serde_json::to_vec_pretty(document).unwrap_or_default())
    }

    /// Brings signers and the broker under the next root: the same keys, with another certificate, which shows how that root
    /// follows from the one before. The files that were written.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn switch_root(&self, now: Timestamp) -> Result<Vec<String>, FolderError> {
        let next = self.authority(NEXT)?;
        let proofs = self.proofs()?;
        let mut written = Vec::new();
        let mut names = vec!["broker".to_owned()];
        let signers = fs::read_dir(self.path("signers")).map_err(|error| self.failed("signers", error))?;
        for entry in signers.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".pem").map(|name| format!("signers/{name}")));
        }
        names.sort();
        for name in names {
            let (key, chain) = self.identity(&name)?;
            let before = chain.first().ok_or_else(|| self.broken(&name, "no certificate"))?;
            let validity = Validity::days(now, DAYS);
            let leaf = if name == "broker" {
                let hosts = hosts(before);
                let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                next.server(&key, &hosts, validity)?
            } else {
                next.signer(&common_name(before), &key, &grants(before), validity)?
            };
            let shown: Vec<&X509Ref> = std::iter::once(&*leaf)
                .chain(proofs.iter().map(|proof| &**proof))
                .collect();
            self.keep(&name, &key, &shown)?;
            written.push(format!("{name}.pem"));
        }
        Ok(written)
    }

    /// True when the certificate of the broker, as it lies here, is under the next root.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn is_switched(&self) -> Result<bool, FolderError> {
        let Some(next) = self.next_root()? else {
            return Ok(false);
        };
        let key = next.public_key()?;
        let (_, chain) = self.identity("broker")?;
        Ok(is_under(&chain, &key))
    }

    /// What boxes shall trust when the one before is gone.
    ///
    /// # Errors
    /// No rotation is under way.
    pub fn trust_of_next(&self) -> Result<TrustDocument, FolderError> {
        let next = self.authority(NEXT)?;
        Ok(TrustDocument::new(&[next.certificate().to_owned()], &self.proofs()?)?)
    }

    /// The next root is the one in use; the one before lies here as `retired-root`, to be destroyed.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn finish_rotation(&self) -> Result<(), FolderError> {
        let document = self.trust_of_next()?;
        let next = self.authority(NEXT)?.certificate().to_owned();
        self.trusting(&[next], &document)?;
        self.rename("root.key", &format!("{RETIRED}.key"))?;
        self.rename(CROSSED, PROOF)?;
        // With the key it has ended.
        self.rename(&format!("{NEXT}.key"), "root.key")?;
        self.remove(&format!("{NEXT}.pem"))
    }

    /// What is not there has been moved before.
    fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        match fs::rename(self.path(from), self.path(to)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(from, error)),
            _ => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(name, error)),
            _ => Ok(()),
        }
    }
}

fn is_under(chain: &[X509], root: &PKeyRef<openssl::pkey::Public>) -> bool {
    chain.first().is_some_and(|leaf| leaf.verify(root).unwrap_or(false))
}

fn common_name(certificate: &X509Ref) -> String {
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    entry
        .and_then(|entry| entry.data().to_string().ok())
        .unwrap_or_default()
}

fn grants(certificate: &X509Ref) -> Vec<Grant> {
    let names = certificate.subject_alt_names();
    let uris = names.iter().flatten();
    uris.filter_map(|name| name.uri()?.parse().ok()).collect()
}

fn hosts(certificate: &X509Ref) -> Vec<String> {
    let names = certificate.subject_alt_names();
    let host = |name: &openssl::x509::GeneralNameRef| {
        let address = |bytes: &[u8]| match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes)
                .ok()
                .map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(bytes)
                .ok()
                .map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            _ => None,
        };
        name.dnsname()
            .map(ToOwned::to_owned)
            .or_else(|| name.ipaddress().and_then(address))
    };
    names.iter().flatten().filter_map(host).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use fleet::contract::{Clock, DeviceId, Site, Verb};
    use fleet::session::{Now, Verifier};
    use fleet::trust::{Anchors, DocumentVerifier, TrustedDocuments};
    use openssl::x509::X509PurposeId;

    fn now() -> Timestamp {
        "2027-01-01T12:00:00Z".parse().unwrap()
    }

    fn box_that_believes(anchors: Anchors) -> DocumentVerifier {
        DocumentVerifier::new(TrustedDocuments {
            anchors,
            tenant: "etat".try_into().unwrap(),
            device: DeviceId::try_from("lyon-412").unwrap(),
            site: Site::try_from("lyon").unwrap(),
        })
    }

    /// Whether a box takes what the signer of operations signs, and the broker.
    fn believes(of: &DocumentVerifier, folder: &Folder) -> (bool, bool) {
        let topic = Verb::Configure.topic(&"etat".try_into().unwrap(), &"lyon-412".try_into().unwrap());
        let text = folder
            .signing("operations")
            .unwrap()
            .sign(&topic, br#"{"v":1}"#)
            .unwrap();
        let moment = Now {
            up_ms: 0,
            wall: Some(now()),
            clock: Clock::Sync,
        };
        let (_, broker) = folder.identity("broker").unwrap();
        let path = of
            .anchors()
            .path(&broker[0], &broker[1..], Some(X509PurposeId::SSL_SERVER), Some(now()));
        (
            of.verify(text.as_bytes(), Verb::Configure, &moment).is_ok(),
            path.is_ok(),
        )
    }

    #[test]
    fn boxes_that_follow_and_boxes_that_were_off_believe_at_every_step_twice() {
        let files = tempfile::tempdir().unwrap();
        let folder = Folder::new(files.path());
        let tenant: Tenant = "etat".try_into().unwrap();
        folder.create(&tenant, &["broker.example", "192.0.2.7"], now()).unwrap();
        let moment = Now {
            up_ms: 0,
            wall: Some(now()),
            clock: Clock::Sync,
        };
        let mut follower = box_that_believes(folder.anchors("root.pem").unwrap());
        for _ in 0..2 {
            let was_off = box_that_believes(follower.anchors());
            let key = fs::read(folder.path("signers/operations.key")).unwrap();
            assert!(!folder.is_switched().unwrap());
            let both = folder.begin_rotation(&tenant, now()).unwrap();
            assert_eq!(
                folder.begin_rotation(&tenant, now()).unwrap(),
                both,
                "it can be repeated"
            );
            assert_eq!(follower.follow(&both, &moment).unwrap().roots().len(), 2);
            assert_eq!(
                (believes(&follower, &folder), believes(&was_off, &folder)),
                ((true, true), (true, true))
            );
            let written = folder.switch_root(now()).unwrap();
            assert_eq!(
                written,
                ["broker.pem", "signers/enrolment.pem", "signers/operations.pem"]
            );
            assert!(folder.is_switched().unwrap());
            assert_eq!(fs::read(folder.path("signers/operations.key")).unwrap(), key);
            assert_eq!(
                (believes(&follower, &folder), believes(&was_off, &folder)),
                ((true, true), (true, true))
            );
            let alone = folder.trust_of_next().unwrap();
            folder.finish_rotation().unwrap();
            assert!(folder.next_root().unwrap().is_none());
            assert_eq!(
                (
                    folder.trust().unwrap(),
                    folder.anchors("root.pem").unwrap().roots().len()
                ),
                (alone.clone(), 1)
            );
            assert!(
                folder.authority("root").is_ok(),
                "and its key is that of the root in use"
            );
            assert_eq!(follower.follow(&alone, &moment).unwrap().roots().len(), 1);
            assert_eq!(believes(&follower, &folder), (true, true));
            // It comes back now, and follows in one step.
            assert_eq!(believes(&was_off, &folder), (true, true));
            was_off.follow(&alone, &moment).unwrap();
            assert_eq!(believes(&was_off, &folder), (true, true));
            follower = was_off;
        }
        let (_, broker) = folder.identity("broker").unwrap();
        assert_eq!(hosts(&broker[0]), ["broker.example", "192.0.2.7"]);
    }
}
