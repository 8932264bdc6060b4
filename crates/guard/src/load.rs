// SPDX-License-Identifier: Apache-2.0
//! Putting a policy into force: programs are chosen by the policy and the kernel, loaded, attached
//! one by one so that each says for itself whether it holds, and pinned if they are to outlive us.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use libbpf_rs::{
    Iter, Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, ProgramAttachType,
    ProgramType,
};

use crate::blob::Blob;
use crate::error::Error;
use crate::features::{self, Features, Way};
use crate::hooks::{HOOKS, Hook, Kind, Need, function_of};
use crate::layout::{self, State};
use crate::talk;

static PACKED_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guard.bpf.o.lz4"));

/// The smallest slot for a policy, bytes. A policy that replaces another must fit.
const SMALLEST_SLOT: u32 = 64 * 1024;

/// How one hook fared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Fared {
    /// Attached: the kernel asks us.
    Attached,
    /// The policy does not need it.
    NotNeeded,
    /// This kernel does not have it.
    Absent,
    /// The kernel refused the program or the attachment, in its words.
    Refused(String),
}

/// A policy in force.
pub struct Loaded {
    object: Object,
    links: Vec<(&'static str, Link)>,
    /// How each hook fared.
    pub hooks: BTreeMap<&'static str, Fared>,
    /// How programs are tied to hooks.
    pub way: Way,
}

/// Choices for [`load`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice {
    /// Domains whose every attempt is reported, bit by number.
    pub learning: u64,
    /// Attach as fmod_ret even where LSM programs could be.
    pub modify_return: bool,
    /// Attach every hook, also those that this policy does not need but a later one may.
    pub all_hooks: bool,
}

/// Loads the programs, attaches them and puts the policy into force.
///
/// # Errors
/// The kernel refuses what nobody can be held without. Other hooks that fail are told in
/// [`Loaded::hooks`].
pub fn load(blob: &Blob, features: &Features, choice: Choice) -> Result<Loaded, Error> {
    if !features.btf {
        return Err(Error::Refused(
            "this kernel carries no types of its own (CONFIG_DEBUG_INFO_BTF): no BPF, use the module"
                .into(),
        ));
    }
    let way = if choice.modify_return { Way::ModifyReturn } else { features.way() };
    let mut hooks = choose(blob, way, choice);
    if let Some(hook) = HOOKS
        .iter()
        .find(|hook| hook.need == Need::Always && hooks.get(hook.name) != Some(&Fared::Attached))
    {
        return Err(Error::Refused(format!(
            "this kernel has no hook {}, and without it nobody can be held",
            hook.name
        )));
    }
    let object = load_what_can_be(blob, features, way, &mut hooks)?;
    put_policy(&object, blob, 0)?;
    let links = attach(&object, way, &mut hooks)?;
    let loaded = Loaded { object, links, hooks, way };
    loaded.trust_file_systems()?;
    loaded.set_state(&State {
        active: 0,
        loaded: true,
        taint_only: blob.everyone_asks_for_taint_only(),
        learning: choice.learning,
        agent: std::process::id(),
        modify_return: way == Way::ModifyReturn,
    })?;
    loaded.seed()?;
    Ok(loaded)
}

/// Loads; a program that the kernel refuses is left out and told, unless nobody is held without it.
fn load_what_can_be(
    blob: &Blob,
    features: &Features,
    way: Way,
    hooks: &mut BTreeMap<&'static str, Fared>,
) -> Result<Object, Error> {
    loop {
        talk::hear();
        let error = match open(blob, features, way, hooks)?.load() {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        let why = format!("{error:#}: {}", talk::reason());
        let failed = talk::failed_program();
        let hook = HOOKS.iter().find(|hook| {
            Some(hook.name) == failed.as_deref()
                && hook.need != Need::Always
                && hooks.get(hook.name) == Some(&Fared::Attached)
        });
        match hook {
            Some(hook) => hooks.insert(hook.name, Fared::Refused(why)),
            None => return Err(Error::Kernel { what: "loading the programs".into(), why }),
        };
    }
}

/// What of the hooks this policy needs and this kernel has.
fn choose(blob: &Blob, way: Way, choice: Choice) -> BTreeMap<&'static str, Fared> {
    let names: Vec<&str> = HOOKS.iter().map(|hook| hook.name).collect();
    let there = features::hooks_of_kernel(&names, way);
    let fared = |hook: &Hook| {
        let superseded = hook.unless.is_some_and(|better| there.contains(&better));
        if superseded || !choice.all_hooks && !hook.is_needed(blob) {
            Fared::NotNeeded
        } else if there.contains(&hook.name) {
            Fared::Attached
        } else {
            Fared::Absent
        }
    };
    HOOKS.iter().map(|hook| (hook.name, fared(hook))).collect()
}

/// Size of a slot for a policy: a power of two.
fn slot_of(blob: &Blob) -> u32 {
    (blob.bytes().len() as u32).next_power_of_two().max(SMALLEST_SLOT)
}

fn open(
    blob: &Blob,
    features: &Features,
    way: Way,
    hooks: &BTreeMap<&'static str, Fared>,
) -> Result<OpenObject, Error> {
    let bytes = lz4_flex::block::decompress_size_prepended(PACKED_OBJECT)
        .map_err(|why| Error::Refused(format!("the object is damaged: {why}")))?;
    let mut object = ObjectBuilder::default()
        .open_memory(&bytes)
        .map_err(Error::kernel("reading the object"))?;
    let slot = slot_of(blob);
    let config = layout::config_bytes(
        &features::config(features),
        slot - 1,
        features.task_storage,
        features.machine == "aarch64",
    );
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let done = match name.as_str() {
            ".rodata.config" => map.set_initial_value(&config),
            "policies" => map.set_value_size(slot + layout::SLOT_SLACK),
            "marks" => map.set_autocreate(features.task_storage),
            _ => Ok(()),
        };
        done.map_err(Error::kernel(format!("setting up the map {name}")))?;
    }
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let Some(hook) = HOOKS.iter().find(|hook| hook.name == name) else { continue };
        let wanted = hooks.get(hook.name) == Some(&Fared::Attached);
        program.set_autoload(wanted);
        if wanted && way == Way::ModifyReturn {
            program.set_prog_type(ProgramType::Tracing);
            program.set_attach_type(match hook.kind {
                Kind::Refuses => ProgramAttachType::ModifyReturn,
                Kind::Told => ProgramAttachType::TraceFentry,
            });
            program
                .set_attach_target(0, Some(function_of(&name)))
                .map_err(Error::kernel(format!("choosing {}", function_of(&name))))?;
        }
    }
    Ok(object)
}

/// Attaches every program; what nobody can be held without must succeed.
fn attach(
    object: &Object,
    way: Way,
    hooks: &mut BTreeMap<&'static str, Fared>,
) -> Result<Vec<(&'static str, Link)>, Error> {
    let mut links = Vec::new();
    for hook in HOOKS {
        if hooks.get(hook.name) != Some(&Fared::Attached) {
            continue;
        }
        let program = object
            .progs_mut()
            .find(|program| program.name() == OsStr::new(hook.name))
            .ok_or_else(|| Error::Refused(format!("the object has no program {}", hook.name)))?;
        let attached = match way {
            Way::Lsm => program.attach_lsm(),
            Way::ModifyReturn => program.attach_trace(),
        };
        match attached {
            Ok(link) => links.push((hook.name, link)),
            Err(error) if hook.need == Need::Always => {
                return Err(Error::kernel(format!("attaching {}", hook.name))(error));
            }
            Err(error) => {
                hooks.insert(hook.name, Fared::Refused(format!("{error:#}")));
            }
        }
    }
    Ok(links)
}

fn map<'a>(object: &'a Object, name: &str) -> Result<libbpf_rs::Map<'a>, Error> {
    object
        .maps()
        .find(|map| map.name() == OsStr::new(name))
        .ok_or_else(|| Error::Refused(format!("the object has no map {name}")))
}

fn put_policy(object: &Object, blob: &Blob, slot: u32) -> Result<(), Error> {
    let map = map(object, "policies")?;
    write_slot(&map, blob, slot)
}

/// Writes a policy into a slot that is not in force.
pub(crate) fn write_slot(map: &impl MapCore, blob: &Blob, slot: u32) -> Result<(), Error> {
    let mut value = blob.bytes().to_vec();
    let room = map.value_size() as usize;
    if value.len() + layout::SLOT_SLACK as usize > room {
        return Err(Error::Refused(format!(
            "the policy has {} bytes and the guard that runs has room for {}; stop it first",
            value.len(),
            room - layout::SLOT_SLACK as usize
        )));
    }
    value.resize(room, 0);
    map.update(&slot.to_ne_bytes(), &value, MapFlags::ANY)
        .map_err(Error::kernel("writing the policy"))
}

/// Marks what runs already. Twice: a parent may have a higher number than its child. `walk` begins a walk,
/// which happens as it is read.
pub(crate) fn seed<W: Read>(
    seeds: &impl MapCore,
    walk: impl Fn() -> Result<W, Error>,
) -> Result<(), Error> {
    for _ in 0..2 {
        for (process, argv) in crate::mounts::argument_vectors() {
            // A process more than there is room for is judged by its path alone.
            let _ = seeds.update(&process.to_ne_bytes(), &layout::seed_bytes(&argv), MapFlags::ANY);
        }
        let mut nothing = Vec::new();
        walk()?.read_to_end(&mut nothing).map_err(|error| Error::Kernel {
            what: "walking the tasks".into(),
            why: error.to_string(),
        })?;
    }
    Ok(())
}

impl Loaded {
    /// The map of events, for a ring buffer.
    ///
    /// # Errors
    /// The object has none.
    pub fn events(&self) -> Result<MapHandle, Error> {
        MapHandle::try_from(&map(&self.object, "events")?)
            .map_err(Error::kernel("opening the ring of events"))
    }

    /// A map by its name.
    ///
    /// # Errors
    /// There is none.
    pub fn map(&self, name: &str) -> Result<MapHandle, Error> {
        MapHandle::try_from(&map(&self.object, name)?)
            .map_err(Error::kernel(format!("opening the map {name}")))
    }

    fn set_state(&self, state: &State) -> Result<(), Error> {
        map(&self.object, ".data.guard")?
            .update(&0_u32.to_ne_bytes(), &state.bytes(), MapFlags::ANY)
            .map_err(Error::kernel("writing the state"))
    }

    /// File systems whose content is trusted, but whose kind does not tell: the initial ramfs, and
    /// what lies on dm-verity.
    fn trust_file_systems(&self) -> Result<(), Error> {
        let trusted = map(&self.object, "trusted")?;
        for (device, trust) in crate::mounts::trusted_devices() {
            trusted
                .update(&device.to_ne_bytes(), &u32::from(trust).to_ne_bytes(), MapFlags::ANY)
                .map_err(Error::kernel("writing trusted file systems"))?;
        }
        Ok(())
    }

    /// The walk over all tasks, which marks what runs already.
    fn walk(&self) -> Result<Link, Error> {
        self.object
            .progs_mut()
            .find(|program| program.name() == OsStr::new("seed_task"))
            .ok_or_else(|| Error::Refused("the object has no program seed_task".into()))?
            .attach()
            .map_err(Error::kernel("walking the tasks"))
    }

    fn seed(&self) -> Result<(), Error> {
        let link = self.walk()?;
        let seeds = map(&self.object, "seeds")?;
        seed(&seeds, || Iter::new(&link).map_err(Error::kernel("walking the tasks")))
    }

    /// Pins links and maps, so that the guard outlives this process.
    ///
    /// # Errors
    /// There is no BPF file system, or it refuses.
    pub fn pin(&mut self) -> Result<(), Error> {
        let directory = Path::new(layout::PINS);
        std::fs::create_dir(directory).map_err(Error::file(directory))?;
        for mut map in self.object.maps_mut().filter(|map| map.autocreate()) {
            let name = map.name().to_string_lossy().into_owned();
            map.pin(directory.join(layout::map_pin(&name)))
                .map_err(Error::kernel(format!("pinning the map {name}")))?;
        }
        self.walk()?
            .pin(directory.join(layout::WALK_PIN))
            .map_err(Error::kernel("pinning the walk over tasks"))?;
        for (name, link) in &mut self.links {
            link.pin(directory.join(format!("{}{name}", layout::LINK_PIN)))
                .map_err(Error::kernel(format!("pinning {name}")))?;
        }
        Ok(())
    }
}
