// SPDX-License-Identifier: Apache-2.0
//! A program as the tables have it.

use kakoi_model::{
    Absence, ElfFacts, ElfRole, Endian, Linkage, Mitigation, Observed, Relro, Symbols,
};

/// What a survey counts of one mitigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Present,
    Absent,
    Undetermined,
    NotApplicable,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Undetermined => "undetermined",
            Self::NotApplicable => "not-applicable",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "present" => Self::Present,
            "absent" => Self::Absent,
            "not-applicable" => Self::NotApplicable,
            _ => Self::Undetermined,
        }
    }
}

/// The states of the mitigations, in the order of [`crate::schema::MITIGATIONS`], and why those are absent that are.
pub(crate) struct States {
    pub(crate) states: [State; 9],
    pub(crate) why: String,
}

/// Is it a program or library, which mitigations are for? Modules and object files are not.
pub(crate) fn is_program(facts: &ElfFacts) -> bool {
    matches!(facts.role, ElfRole::Executable | ElfRole::Library)
}

pub(crate) fn states(facts: &ElfFacts) -> States {
    let it = &facts.hardening;
    let is_static = matches!(facts.linkage, Observed::Present(Linkage::Static));
    let search_path = match &it.search_path {
        // Present is the weakness.
        Observed::Present(_) => State::Absent,
        Observed::Absent if is_static => State::NotApplicable,
        Observed::Absent => State::Present,
        Observed::Undetermined(_) => State::Undetermined,
    };
    let full = match &it.relro.observed {
        Observed::Present(Relro::Full) => State::Present,
        Observed::Present(Relro::Partial) => State::Absent,
        _ => state(&it.relro),
    };
    let pie = if facts.role == ElfRole::Library { State::NotApplicable } else { state(&it.pie) };
    let reasons = [
        ("nx", it.nx.absence),
        ("pie", it.pie.absence),
        ("relro", it.relro.absence),
        ("stack_protector", it.stack_protector.absence),
        ("fortify", it.fortify.absence),
        ("stack_clash", it.stack_clash.absence),
        ("control_flow", it.control_flow.absence),
    ];
    let why = reasons
        .iter()
        .filter_map(|(name, absence)| Some(format!("{name}={}", word(&absence.as_ref()?))));
    States {
        states: [
            state(&it.nx),
            pie,
            state(&it.relro),
            full,
            state(&it.stack_protector),
            state(&it.fortify),
            state(&it.stack_clash),
            state(&it.control_flow),
            search_path,
        ],
        why: why.collect::<Vec<_>>().join(" "),
    }
}

fn state<T>(mitigation: &Mitigation<T>) -> State {
    match (&mitigation.observed, mitigation.absence) {
        (Observed::Present(_), _) => State::Present,
        (Observed::Absent, Some(Absence::NotApplicable)) => State::NotApplicable,
        (Observed::Absent, _) => State::Absent,
        (Observed::Undetermined(_), _) => State::Undetermined,
    }
}

/// The word that serialisation gives a variant without fields.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

pub(crate) fn endian(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

pub(crate) fn linkage(facts: &ElfFacts) -> Option<String> {
    facts.linkage.present().map(word)
}

pub(crate) fn symbols(facts: &ElfFacts) -> Option<String> {
    facts.symbols.present().map(|symbols: &Symbols| word(symbols))
}

/// Machine and byte order, as surveys group by.
pub(crate) fn architecture(facts: &ElfFacts) -> String {
    let both = matches!(facts.machine.as_str(), "mips" | "arm" | "powerpc");
    match (facts.endian, facts.bits) {
        (Endian::Big, 64) if both => format!("{}64-be", facts.machine),
        (Endian::Little, 64) if both => format!("{}64-le", facts.machine),
        (Endian::Big, _) if both => format!("{}-be", facts.machine),
        (Endian::Little, _) if both => format!("{}-le", facts.machine),
        _ => facts.machine.clone(),
    }
}
