//! The guest's disk, kernel and initrd: made once by the scripts in `image/`, and kept in the user's cache folder under a key
//! of everything that those are, so that another clone of the project finds them too.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use sha1::{Digest, Sha1};

use crate::error::{Error, Result};

/// A file that makes something, and what stands in it.
type Ingredient = (&'static str, &'static str);

/// Everything that goes into an image; a change of any makes another image.
const IMAGE: [Ingredient; 8] = [
    ("make.sh", include_str!("../image/make.sh")),
    ("kernel.sh", include_str!("../image/kernel.sh")),
    ("rauc.sh", include_str!("../image/rauc.sh")),
    ("settle.sh", include_str!("../image/settle.sh")),
    ("disk.sh", include_str!("../image/disk.sh")),
    ("init", include_str!("../image/init")),
    ("packages", include_str!("../image/packages")),
    ("modules", include_str!("../image/modules")),
];

/// What makes the kernel's own codec.
const CODEC: [Ingredient; 2] = [
    ("codec.sh", include_str!("../image/codec.sh")),
    ("codec-build.sh", include_str!("../image/codec-build.sh")),
];

/// Between two words of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// Last words of the maker that an error shows.
const WORDS: usize = 12;

/// apt's words for a server that cannot be had.
const UNREACHABLE: [&str; 3] = ["Failed to fetch", "Temporary failure resolving", "Could not connect"];

/// A complete image.
#[derive(Debug, Clone)]
pub struct Image {
    /// The folder with `root.img`, `vmlinuz`, `initrd.gz` and `versions`.
    pub folder: PathBuf,
    /// How long it took to make; none when it was there.
    pub made_in: Option<Duration>,
}

impl Image {
    /// The image, made now unless it is there. Others who want it meanwhile wait.
    ///
    /// # Errors
    /// When the cache folder cannot be used, or the maker fails (no network, for example).
    pub fn ensure(again: bool) -> Result<Self> {
        let cache = cache()?;
        let folder = cache.join(key(&IMAGE));
        fs::create_dir_all(&cache).map_err(Error::io(cache.display().to_string()))?;
        let _lock = lock(&cache)?;
        if !again && folder.join("versions").is_file() {
            return Ok(Self { folder, made_in: None });
        }
        let begun = Instant::now();
        println!(
            "image: making the guest's disk in {} (about 2 minutes, 250 MB from Debian)",
            folder.display()
        );
        make(&IMAGE, &[], &cache, &folder)?;
        forget_others(&cache, &folder);
        let made_in = Some(begun.elapsed());
        Ok(Self { folder, made_in })
    }

    /// The kernel, as `6.1.0-56-amd64 6.1.192-2`.
    pub fn kernel(&self) -> String {
        let versions = fs::read_to_string(self.folder.join("versions")).unwrap_or_default();
        let line = versions.lines().find_map(|line| line.strip_prefix("kernel "));
        line.unwrap_or("unknown").to_owned()
    }

    /// The folder with the kernel's own codec for this kernel, `v4l2-mem2mem.ko` and `vicodec.ko`, made now unless it is there.
    ///
    /// # Errors
    /// When the maker fails: no network, or Debian has another kernel by now (`cargo lab hardware --again` takes that one).
    pub fn codec(&self) -> Result<PathBuf> {
        let folder = self.folder.join(format!("codec-{}", key(&CODEC)));
        let _lock = lock(&self.folder)?;
        if !folder.is_dir() {
            println!("image: making the kernel's codec (about 2 minutes, 220 MB from Debian)");
            let kernel = self.kernel();
            let release = kernel.split(' ').next().unwrap_or_default();
            make(&CODEC, &[release], &self.folder, &folder)?;
        }
        Ok(folder)
    }
}

/// While it is kept others who make something in this folder wait.
fn lock(folder: &Path) -> Result<fs::File> {
    let lock = fs::File::create(folder.join("lock")).map_err(Error::io("the image's lock"))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| Error::io("the image's lock")(error.into()))?;
    Ok(lock)
}

/// `$XDG_CACHE_HOME/hemicycle/hardware`, or the same below `~/.cache`.
fn cache() -> Result<PathBuf> {
    let named = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    folder.map(|folder| folder.join("hemicycle/hardware")).ok_or_else(|| {
        let nowhere = std::io::Error::new(std::io::ErrorKind::NotFound, "neither XDG_CACHE_HOME nor HOME is set");
        Error::io("the user's cache folder")(nowhere)
    })
}

/// What something made of these is called.
fn key(ingredients: &[Ingredient]) -> String {
    let mut hash = Sha1::new();
    for (name, text) in ingredients {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Runs the first of the ingredients with another folder and these arguments, then takes that folder for `folder`; `cache` is beside it.
fn make(ingredients: &[Ingredient], arguments: &[&str], cache: &Path, folder: &Path) -> Result<()> {
    // Whoever maps users into a name space of their own must be able to write here too.
    let work = tempfile::Builder::new()
        .prefix("making-")
        .permissions(fs::Permissions::from_mode(0o777))
        .tempdir_in(cache)
        .map_err(Error::io(cache.display().to_string()))?;
    let scripts = work.path().join("scripts");
    let ready = work.path().join("ready");
    for new in [&scripts, &ready] {
        fs::create_dir(new).map_err(Error::io(new.display().to_string()))?;
        fs::set_permissions(new, fs::Permissions::from_mode(0o777)).map_err(Error::io(new.display().to_string()))?;
    }
    for (name, text) in ingredients {
        let path = scripts.join(name);
        let write = || {
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        };
        write().map_err(Error::io(path.display().to_string()))?;
    }
    let (name, _) = ingredients[0];
    let mut command = Command::new(scripts.join(name));
    command.arg(&ready).args(arguments);
    maker(command, name, &cache.join("making.log"))?;
    let _older = fs::remove_dir_all(folder);
    fs::rename(&ready, folder).map_err(Error::io(folder.display().to_string()))
}

/// Runs the maker, keeps its words, and says every few seconds what it is at.
fn maker(mut command: Command, name: &str, log: &Path) -> Result<()> {
    let (reader, writer) = std::io::pipe().map_err(Error::io("a pipe"))?;
    let copy = writer.try_clone().map_err(Error::io("a pipe"))?;
    command.stdin(Stdio::null()).stdout(writer).stderr(copy);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let mut child = command.spawn().map_err(Error::io(name))?;
    drop(command);
    let mut kept = fs::File::create(log).map_err(Error::io(log.display().to_string()))?;
    let (begun, mut said) = (Instant::now(), Instant::now());
    let mut last: Vec<String> = Vec::new();
    for line in BufReader::new(reader).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        writeln!(kept, "{line}").map_err(Error::io(log.display().to_string()))?;
        if said.elapsed() > PROGRESS {
            println!(
                "image: {:3} s  {}",
                begun.elapsed().as_secs(),
                line.chars().take(90).collect::<String>()
            );
            said = Instant::now();
        }
        if last.len() == WORDS {
            last.remove(0);
        }
        last.push(line);
    }
    let status = child.wait().map_err(Error::io("the image's maker"))?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    if let Some(line) = said
        .lines()
        .find(|line| UNREACHABLE.iter().any(|words| line.contains(words)))
    {
        return Err(Error::Unreachable(line.trim().to_owned()));
    }
    Err(Error::Image {
        what: name.to_owned(),
        how: status.to_string(),
        words: last.join("\n"),
        log: log.to_owned(),
    })
}

/// An image is more than a gigabyte: beside this one only the youngest other stays, perhaps another branch's.
fn forget_others(cache: &Path, mine: &Path) {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut others: Vec<_> = entries
        .filter(|entry| entry.path() != mine)
        .filter_map(|entry| {
            Some((
                entry.metadata().ok().filter(fs::Metadata::is_dir)?.modified().ok()?,
                entry.path(),
            ))
        })
        .collect();
    others.sort();
    others.pop();
    for (_, path) in others {
        // One that cannot be removed costs space and nothing else.
        let _gone = fs::remove_dir_all(path);
    }
}
