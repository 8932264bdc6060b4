#![allow(dead_code, unused, clippy::all)]
#[path = "../../cli/src/commands/profile/libraries.rs"]
mod libraries;
mod cache {
    use super::cpu;
    use kakoi_syscalls::module::{Summary, summarise};
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::Arc;
    pub struct Cache(pub RefCell<HashMap<Vec<u8>, Arc<Summary>>>);
    impl Cache {
        pub fn summary(&self, bytes: &[u8]) -> Result<Arc<Summary>, String> {
            if let Some(k) = self.0.borrow().get(bytes) {
                return Ok(k.clone());
            }
            let t = cpu();
            let s = Arc::new(summarise(bytes).map_err(|e| e.to_string())?);
            if std::env::var_os("TIMES").is_some() {
                eprintln!(
                    "  {} bytes {:?} fns {} {:.3}s",
                    bytes.len(),
                    s.soname,
                    s.functions.len(),
                    cpu() - t
                );
            }
            self.0.borrow_mut().insert(bytes.to_vec(), s.clone());
            Ok(s)
        }
    }
}
use kakoi_syscalls::profile::{Subject, derive};
use kakoi_syscalls::program::{load, reach_with_plugins};
use std::collections::BTreeSet;
fn main() {
    let root = std::env::var("ROOT").unwrap_or("/".into());
    let dir = std::env::var("TRACED").unwrap_or("/tmp/profile/sets".into());
    let why = std::env::var_os("WHY").is_some();
    let c = cache::Cache(Default::default());
    let mut libs = libraries::Libraries::new(std::path::Path::new(&root), c);
    let (mut n, mut sa, mut ss, mut sf) = (0.0, 0.0, 0.0, 0.0);
    for path in std::env::args().skip(1) {
        let t = cpu();
        let base = path.rsplit('/').next().unwrap().to_owned();
        let file = std::path::PathBuf::from(&path);
        let summary = match libs.summary(&file) {
            Ok(s) => s,
            Err(e) => {
                println!("{path}: {e}");
                continue;
            }
        };
        let t1 = cpu() - t;
        let mut program = load(&path, summary, &mut libs);
        let t2 = cpu() - t;
        let reached = reach_with_plugins(&mut program, &mut libs);
        if let Ok(n) = std::env::var("REPEAT") {
            let t = cpu();
            for _ in 0..n.parse::<u32>().unwrap() {
                let _ = reach_with_plugins(&mut program, &mut libs);
            }
            println!("repeat {:.3}", cpu() - t);
        }
        let profile = derive(&Subject { name: &path, program: &program, reached: &reached });
        let t3 = cpu() - t;
        let traced: BTreeSet<String> = std::fs::read_to_string(format!("{dir}/{base}"))
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let allowed: BTreeSet<String> = profile.calls.keys().cloned().collect();
        let serving = profile.serving().count();
        let services = profile.calls.values().filter(|c| c.by_services).count();
        let missed: Vec<_> = traced.difference(&allowed).cloned().collect();
        let f1 = 2.0 * traced.intersection(&allowed).count() as f64
            / (traced.len() + allowed.len()) as f64;
        println!(
            "{base}: traced {} allowed {} serving {serving} missed {} f1 {f1:.3} unresolved {} files {} svc {services} from {:?} | {t1:.3} {t2:.3} {t3:.3}",
            traced.len(),
            allowed.len(),
            missed.len(),
            profile.unresolved.len(),
            profile.files.len(),
            profile.serving_from
        );
        n += 1.0;
        sa += allowed.len() as f64;
        ss += serving as f64;
        sf += f1;
        if !missed.is_empty() {
            println!("  MISSED {missed:?}");
        }
        if std::env::var_os("UNRES").is_some() {
            for u in &profile.unresolved {
                println!("  ? {} {:#x} {} {}", u.file, u.address, u.function, u.reason);
            }
        }
        let names = std::env::var("SHOW").ok();
        for (name, call) in &profile.calls {
            if why && !traced.contains(name) {
                println!("  + {name}: {}", call.why.join(" > "));
            }
            if names.as_deref() == Some(name) {
                println!("  = {name}: {}", call.why.join(" > "));
            }
        }
    }
    println!("mean allowed {:.1} serving {:.1} f1 {:.3}", sa / n, ss / n, sf / n);
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    s.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
