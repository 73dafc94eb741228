//! A key in the TPM of the machine.

use std::error::Error;
use std::path::Path;

use fleet::trust::{KeyStore, KeyUse};
use openssl::ecdsa::EcdsaSig;
use openssl::sha::sha256;
use tpm::{DEVICE, Tpm, TpmKeys};

/// Makes a key, forgets it, finds it again, signs, and checks the signature without the TPM; what was seen.
pub fn try_one(folder: &Path) -> Result<String, Box<dyn Error + Send + Sync>> {
    std::fs::create_dir_all(folder)?;
    let mut keys = TpmKeys::new(folder, Tpm::at(DEVICE)?)?;
    let public = keys.create(KeyUse::Device)?.public()?;
    drop(keys);
    let keys = TpmKeys::new(folder, Tpm::at(DEVICE)?)?;
    let key = keys.open(KeyUse::Device)?.ok_or("the key is not there any more")?;
    let message = b"a box of the laboratory";
    let signature = EcdsaSig::from_der(&key.sign(message)?)?;
    if !signature.verify(&sha256(message), public.ec_key()?.as_ref())? {
        return Err("the signature is not of this key".into());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.extend(std::fs::read(entry?.path())?);
    }
    let text = String::from_utf8_lossy(&files);
    let kinds: Vec<&str> = text.lines().filter(|line| line.starts_with("-----BEGIN")).collect();
    Ok(format!("key: signed; on the disk {kinds:?}"))
}
