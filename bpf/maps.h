/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs keep, and what the agent sets. Names of maps and the layout of what the agent
 * reads and writes are mirrored in crates/guard/src/layout.rs; a test there holds them equal.
 */
#ifndef KAKOI_MAPS_H
#define KAKOI_MAPS_H

/* Fixed when the object is loaded: the verifier knows these values and drops what they rule out. */
struct guard_config {
	u32 blob_mask;		/* size of one policy slot, a power of two, less one */
	u32 task_storage;	/* 1: the kernel has BPF_MAP_TYPE_TASK_STORAGE (5.11) */
	u32 page_levels;	/* levels of the page tables, on x86-64 at most; 0: they cannot be walked */
	u32 arm64;		/* 1: arm64, 0: x86-64 */
	u64 direct_base;	/* kernel address of physical memory: this, plus (x86) or */
	u64 direct_symbol;	/* minus (arm64) what lies at this address */
	u32 idmap_setattr;	/* 1: inode_setattr has the identity mapping as first argument */
	u32 idmap_setxattr;	/* likewise inode_setxattr and inode_set_acl */
	u32 rename_flags;	/* 1: path_rename has flags */
	u32 padding;
};
const volatile struct guard_config config SEC(".rodata.config");

/* The agent writes it, while it runs. */
struct guard_state {
	u32 active;		/* slot of the policy in force */
	u32 loaded;		/* 1: there is a policy */
	u32 taint_only;		/* 1: the rules for everyone ask for dropped content, nothing else */
	u32 learning[2];	/* domains whose every attempt is reported */
	u32 agent;		/* process of the agent, 0: none */
	u32 zero;		/* always 0; the verifier does not know it */
	u32 modify_return;	/* 1: programs are tied as fmod_ret; for the agent */
};
struct guard_state guard SEC(".data.guard");

/* The programs write it. */
struct guard_seen {
	u32 tainted;		/* files that were marked as dropped content so far */
	u32 taint_lost;		/* 1: one of them found no room: provenance is unknown from then on */
	u32 hold_lost;		/* forks refused because the mark found no room */
};
struct guard_seen seen SEC(".data.seen");

/* Vouching for files by their digest: what the agent asks for, and what it is told. It writes the whole before it asks. */
struct guard_vouching {
	u32 in_use;		/* 1: whoever changes content is looked at, and trust may come from a digest */
	u32 agent;		/* process of which the next opens are of the file to be checked; 0: none */
	u32 answer;		/* VOUCH_*: to the last of them */
	u32 changed;		/* files whose content was changed since, by anybody */
	u64 inode;		/* the key in `vouched` */
	u32 device;
	u32 generation;
};
struct guard_vouching vouching SEC(".data.vouching");
#define VOUCH_NOT_OPENED 0u
#define VOUCH_CHECKED 1u	/* entered as being checked */
#define VOUCH_WRITTEN 2u	/* somebody has it open for writing, or mapped so */
#define VOUCH_SYSTEM 3u		/* on this file system content may change unseen, or numbers of inodes may */
#define VOUCH_NO_FILE 4u	/* not a regular file */
#define VOUCH_FULL 5u

/* What the verifier knows of a value makes it walk a loop once for each value: it is to forget. */
#define FORGET(value) ((value) += *(volatile u32 *)&guard.zero)
#define KK_BLOB_MASK config.blob_mask

#include "../abi/kakoi_lineage.h"

/* The mark of a task and what only this backend needs. */
struct mark {
	struct kk_subject subject;
	u32 traits;		/* TRAIT_* */
};
#define TRAIT_NET 1u		/* it, or a process that it descends from, took a connection */
#define TRAIT_PTMX 2u		/* likewise, made a pseudo terminal */

struct inode_key {
	u64 inode;
	u32 device;
	u32 generation;
};

#define PATH_ROOM 2112u		/* where a path is put together: see path.h */

/* Where one attempt is put together. One for each held task, and for a free one while it runs a
 * program: too large for the stack, and a place for each CPU would be overwritten by whoever
 * preempts us. */
struct scratch {
	struct kk_subject subject;
	struct kk_subject next;
	struct kk_subject judged;
	struct kk_attempt attempt;
	struct kk_verdict verdict;
	u32 best;
	u32 program;
	u32 offends;
	u32 nets[2];
	u32 replaced[2];
	u32 domains[2];
	u32 remote;
	u32 pending;		/* 1: `next` is to become the mark */
	u32 kind;		/* of the event */
	u32 late;		/* 1: the argument vector is looked at after the exec */
	u32 argv_length;
	u32 argv_cut;
	struct kk_naming naming;
	struct kk_scan scan;
	u64 inode;		/* of the object */
	u64 entry;
	u64 made;		/* an entry that is about to get an inode of dropped content */
	u64 memory;		/* a memory map, and an address in it: guard_read_argv() */
	u64 address;
	u64 climb_mount;	/* where the way up to the root is */
	u64 climb_dentry;
	u32 path_at;
	u32 path_length;
	u32 target_length;
	u8 target[256];
	u8 argv[KK_ARGV_MAX * 2];	/* the second half is never used: so far a read may reach by its bounds */
	u8 path[PATH_ROOM];
};

#define EVENT_ATTEMPT 0u
#define EVENT_SESSION 1u	/* a session began */

struct event {
	u64 time;		/* nanoseconds since boot */
	u32 process;
	u32 thread;
	u32 parent;
	u32 user;
	u8 comm[16];
	struct kk_subject subject;
	struct kk_attempt attempt;
	struct kk_verdict verdict;
	u16 kind;
	u16 path_length;
	u16 target_length;
	u16 argv_length;
	u8 path[256];		/* the last 255 bytes of it, if it is longer */
	u8 target[256];
	u8 argv[KK_ARGV_MAX];
};

/* crates/guard/src/event.rs reads it at these places. */
KK_ASSERT(event_subject, __builtin_offsetof(struct event, subject) == 40);
KK_ASSERT(event_attempt, __builtin_offsetof(struct event, attempt) == 68);
KK_ASSERT(event_verdict, __builtin_offsetof(struct event, verdict) == 116);
KK_ASSERT(event_kind, __builtin_offsetof(struct event, kind) == 128);
KK_ASSERT(event_path, __builtin_offsetof(struct event, path) == 136);
KK_ASSERT(event_target, __builtin_offsetof(struct event, target) == 392);
KK_ASSERT(event_argv, __builtin_offsetof(struct event, argv) == 648);
KK_ASSERT(event_size, sizeof(struct event) == 904);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__uint(value_size, KK_BLOB_MAX + KK_HEADER);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mark);
} marks SEC(".maps");

/* The second source, and before 5.11 the only one: marks of tasks that are not quite free, by the
 * address of the task. A look-up takes no lock and cannot fail. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct mark);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} blank SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct inode_key);
	__type(value, u32);
} dropped SEC(".maps");

/* Files whose digest is vouched for, or is being checked: VOUCH_STATE_*. A change of content takes the entry away. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct inode_key);
	__type(value, u32);
} vouched SEC(".maps");
#define VOUCH_STATE_CHECKING 0u
#define VOUCH_STATE_CONFIRMED 1u

/* Trust of whole file systems that their kind does not tell, by device number: the initial ramfs,
 * dm-verity. The agent fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} trusted SEC(".maps");

/* Sessions under a maintenance override, and until when (nanoseconds since boot). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} overrides SEC(".maps");

/* Argument vectors of processes that ran before us, by process number, from the agent. */
struct seed {
	u32 length;
	u32 cut;
	u8 argv[KK_ARGV_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct seed);
} seeds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

#define COUNT_LOST 0u		/* events for which the ring had no room */
#define COUNT_EVENTS 1u
#define COUNT_SERIAL 2u
#define COUNT_ARGV_FAILED 3u
#define COUNT_DISAGREE 4u	/* the two sources of a mark differed */
#define COUNT_STORAGE_FAILED 5u
#define COUNTERS 8u
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

static __always_inline u64 count(u32 which)
{
	u64 *counter = bpf_map_lookup_elem(&counters, &which);

	return counter ? ++*counter : 0;
}

#endif
