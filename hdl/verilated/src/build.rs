//! From a design to a loaded library, through the store of finished builds.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::bridge;
use crate::compile;
use crate::design::Design;
use crate::error::{BuildError, LintReport};
use crate::fingerprint::Fingerprint;
use crate::model::Library;
use crate::options::{Optimisation, Options};
use crate::ports;
use crate::runtime;
use crate::shim;
use crate::sources::Sources;
use crate::toolchain::Toolchain;
use crate::verilate::{self, PREFIX};

/// Name of the library in the folder of a build.
const LIBRARY: &str = "libdut.so";
/// Verilator's warnings.
const WARNINGS: &str = "warnings.txt";

/// Builds designs, and finds those that have been built.
#[derive(Clone, Debug)]
pub struct Builder {
    target: PathBuf,
    root: PathBuf,
}

impl Builder {
    /// Builds under `<target>/duts`, with the Verilator in `<target>/venv`.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        let target = target.into();
        Self { root: target.clone(), target }
    }

    /// Puts the builds under `<root>/duts` instead.
    #[must_use]
    pub fn store_in(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// The library of a design: built if there is none for these contents, options and tools yet, then loaded.
    ///
    /// Safe to call from several threads and processes at a time: one builds, the others wait.
    ///
    /// # Errors
    /// [`BuildError`]
    pub fn build(&self, design: &Design, options: &Options) -> Result<Library, BuildError> {
        let toolchain = Toolchain::find(&self.target)?;
        let sources = Sources::read(design)?;
        let store = Store::open(&self.root)?;
        let hash = fingerprint(design, options, &toolchain, &sources);
        let (folder, fresh) = store.provide(&hash, |folder| {
            let runtime = runtime::provide(&store, &toolchain, options)?;
            make(&toolchain, design, options, &sources, &runtime, folder)
        })?;
        let warnings = std::fs::read_to_string(folder.join(WARNINGS)).unwrap_or_default();
        let mut library = Library::open(&folder.join(LIBRARY))?;
        library.set_origin(hash, fresh, warnings);
        Ok(library)
    }

    /// Checks a design with `verilator --lint-only -Wall`.
    ///
    /// # Errors
    /// [`LintReport::Findings`] if there is anything to say, [`LintReport::Failed`] if lint could not run.
    pub fn lint(&self, design: &Design, options: &Options) -> Result<(), LintReport> {
        let toolchain = Toolchain::find(&self.target).map_err(BuildError::from)?;
        Sources::read(design)?;
        verilate::lint(&toolchain, design, options)
    }
}

fn fingerprint(design: &Design, options: &Options, toolchain: &Toolchain, sources: &Sources) -> String {
    let mut print = Fingerprint::new("design");
    print.field("verilator", toolchain.verilator_id());
    print.field("compiler", toolchain.compiler_id());
    print.field("shim", shim::VERSION);
    for (name, contents) in runtime::FILES {
        print.field(name, contents);
    }
    for flag in compile::flags(toolchain) {
        print.field("flag", flag.as_encoded_bytes());
    }
    for argument in verilate::arguments(design, options) {
        print.field("argument", argument);
    }
    print.field("optimisation", options.optimisation.flag());
    print.field("clock", &design.clock);
    print.field("binding", format!("{:?}", design.binding));
    sources.hash_into(&mut print);
    print.finish()
}

/// Verilates, compiles and links into `folder`.
fn make(
    toolchain: &Toolchain,
    design: &Design,
    options: &Options,
    sources: &Sources,
    runtime: &Path,
    folder: &Path,
) -> Result<(), BuildError> {
    let generated = folder.join("obj");
    let warnings = verilate::translate(toolchain, design, options, sources, &generated)?;
    write(&folder.join(WARNINGS), &warnings)?;

    let header = read(&generated.join(format!("{PREFIX}.h")))?;
    let wiring = ports::bind(design, &ports::members(&header))
        .map_err(|problems| BuildError::Ports { top: design.top.clone(), problems })?;
    write(&generated.join("shim.cpp"), &shim::source(&wiring))?;

    let list = read(&generated.join(format!("{PREFIX}_classes.mk")))?;
    let mut jobs = Vec::new();
    let mut objects = Vec::new();
    let mut job = |file: PathBuf, name: &str, optimisation| {
        let object = generated.join(format!("{name}.o"));
        jobs.push(compile::object(toolchain, runtime, optimisation, &file, &object));
        objects.push(object);
    };
    job(generated.join("shim.cpp"), "shim", options.optimisation);
    for (class, name) in classes(&list) {
        // Code that runs once, when an instance is made, is not worth a long compilation.
        let slow = if options.optimisation == Optimisation::None { Optimisation::None } else { Optimisation::Light };
        match class {
            Class::Fast => job(generated.join(format!("{name}.cpp")), name, options.optimisation),
            Class::Slow => job(generated.join(format!("{name}.cpp")), name, slow),
            Class::Global if runtime::has(name) => {}
            Class::Global => job(toolchain.include().join(format!("{name}.cpp")), name, options.optimisation),
        }
    }
    compile::run(toolchain, &jobs, options.jobs(), &generated)?;
    objects.extend(runtime::objects(runtime));
    link(toolchain, &objects, folder)?;
    let _ = std::fs::remove_dir_all(&generated);
    Ok(())
}

fn link(toolchain: &Toolchain, objects: &[PathBuf], folder: &Path) -> Result<(), BuildError> {
    let library = folder.join(LIBRARY);
    let mut arguments: Vec<_> =
        ["-shared", "-fPIC", "-pthread", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-o"].map(std::ffi::OsString::from).to_vec();
    arguments.push(library.clone().into());
    arguments.extend(objects.iter().map(|object| object.clone().into_os_string()));
    compile::run(toolchain, &[compile::Job { file: library, arguments }], 1, folder)
}

/// How a generated file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Fast,
    Slow,
    Global,
}

/// The files in Verilator's list for make: `VM_CLASSES_FAST += \`, then a name a line.
fn classes(list: &str) -> impl Iterator<Item = (Class, &str)> {
    let mut class = None;
    list.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some((variable, _)) = line.split_once("+=") {
            class = match variable.trim() {
                "VM_CLASSES_FAST" | "VM_SUPPORT_FAST" => Some(Class::Fast),
                "VM_CLASSES_SLOW" | "VM_SUPPORT_SLOW" => Some(Class::Slow),
                "VM_GLOBAL_FAST" | "VM_GLOBAL_SLOW" => Some(Class::Global),
                _ => None,
            };
            return None;
        }
        let name = line.trim_end_matches('\\').trim();
        if name.is_empty() || name.starts_with('#') || name.contains(char::is_whitespace) {
            return None;
        }
        Some((class?, name))
    })
}

/// A folder of finished things, each under the name of its hash.
pub(crate) struct Store(PathBuf);

impl Store {
    pub(crate) fn open(root: &Path) -> Result<Self, BuildError> {
        let folder = root.join("duts");
        let fail = |source| BuildError::Write { file: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(fail)?;
        // The compilers run in other folders.
        let folder = folder.canonicalize().map_err(fail)?;
        Ok(Self(folder))
    }

    /// The finished folder `name`, and whether `make` had to run for it.
    ///
    /// `make` works in a folder beside, which takes the name when it is done: a build that is interrupted leaves
    /// nothing that could be mistaken for a finished one. The lock belongs to the open file, so it holds between
    /// threads as between processes and goes away with its owner.
    pub(crate) fn provide(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<(PathBuf, bool), BuildError> {
        let done = self.0.join(name);
        if done.is_dir() {
            return Ok((done, false));
        }
        let lock = self.0.join(format!("{name}.lock"));
        let fail = |source| BuildError::Write { file: lock.clone(), source };
        let file = File::options().create(true).append(true).open(&lock).map_err(fail)?;
        file.lock().map_err(fail)?;
        if done.is_dir() {
            return Ok((done, false));
        }
        let work = self.0.join(format!("{name}.part"));
        let fail = |source| BuildError::Write { file: work.clone(), source };
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(fail)?;
        }
        std::fs::create_dir(&work).map_err(fail)?;
        let result = make(&work).and_then(|()| std::fs::rename(&work, &done).map_err(fail));
        if result.is_err() {
            let _ = std::fs::remove_dir_all(&work);
        }
        result.map(|()| (done, true))
    }
}

pub(crate) fn write(file: &Path, text: &str) -> Result<(), BuildError> {
    std::fs::write(file, text).map_err(|source| BuildError::Write { file: file.to_owned(), source })
}

fn read(file: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(file).map_err(|source| BuildError::Source { file: file.to_owned(), source })
}

/// Loads a library file.
pub(crate) fn load(path: &str) -> Result<cxx::SharedPtr<bridge::Library>, cxx::Exception> {
    bridge::open_library(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verilators_list_of_files_is_understood() {
        let list = "VM_TRACE = 1\nVM_CLASSES_FAST += \\\n  Vdut \\\n  Vdut__0 \\\n\n# note\n\
                    VM_SUPPORT_SLOW += \\\n  Vdut__Syms__Slow \\\n\nVM_GLOBAL_FAST += \\\n  verilated \\\n";
        let found: Vec<_> = classes(list).collect();
        assert_eq!(
            found,
            [
                (Class::Fast, "Vdut"),
                (Class::Fast, "Vdut__0"),
                (Class::Slow, "Vdut__Syms__Slow"),
                (Class::Global, "verilated")
            ]
        );
    }

    #[test]
    fn a_failed_make_leaves_nothing() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(root.path()).expect("a store");
        let failed = store.provide("x", |folder| {
            write(&folder.join("half"), "done")?;
            Err(BuildError::NoSources { name: "x".to_owned() })
        });
        assert!(failed.is_err());
        let (folder, fresh) = store.provide("x", |folder| write(&folder.join("all"), "done")).expect("a folder");
        assert!(fresh && folder.join("all").is_file() && !folder.join("half").exists());
        let (_, fresh) = store.provide("x", |_| panic!("made twice")).expect("a folder");
        assert!(!fresh);
    }
}
