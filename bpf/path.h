/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths: from an entry up to the root of the initial namespace, written from the end of the room
 * towards its beginning, then down the automaton of the policy.
 */
#ifndef KAKOI_PATH_H
#define KAKOI_PATH_H

#define PATH_STEPS 16u		/* in one function */
#define PATH_ROUNDS 16u		/* names and mounts: 256 */

struct place {
	struct vfsmount *mount;
	struct dentry *dentry;
};

#define STEP_ON 0
#define STEP_TOP 1	/* the root of the initial namespace */
#define STEP_NOWHERE 2	/* the root of a mount that is nowhere */
#define STEP_NAME 3

/* One step up: over the edge of a mount, or one name. */
static __always_inline int step_up(struct place *place)
{
	struct vfsmount *here = place->mount;
	struct dentry *dentry = place->dentry, *parent;
	struct mount *mount, *above;

	if (dentry == BPF_CORE_READ(here, mnt_root)) {
		mount = (void *)here - bpf_core_field_offset(struct mount, mnt);
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount || !above)
			return BPF_CORE_READ(mount, mnt_ns) ? STEP_TOP : STEP_NOWHERE;
		place->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		place->mount = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return STEP_ON;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	return parent == dentry || !parent ? STEP_NOWHERE : STEP_NAME;
}

/* Writes the name of the entry in front of what is there; the new beginning, or 0: does not fit. */
static __always_inline u32 put_name(struct scratch *scratch, struct dentry *dentry, u32 at)
{
	u32 length = BPF_CORE_READ(dentry, d_name.len);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);

	if (length > 255 || at <= length)
		return 0;
	at -= length + 1;
	at &= KK_PATH_MAX - 1;
	scratch->path[at] = '/';
	length &= 255;
	if (bpf_probe_read_kernel(&scratch->path[at + 1], length, name))
		return 0;
	return at + 1;
}

/* Some steps up. The step at which it ended, or STEP_ON: there is more; -1: it does not fit. */
__noinline int guard_climb(void)
{
	struct scratch *scratch = scratch_of_current();
	struct dentry *here;
	struct place place;
	u32 next;
	int step;

	if (!scratch)
		return -1;
	place.mount = (struct vfsmount *)scratch->climb_mount;
	place.dentry = (struct dentry *)scratch->climb_dentry;
	for (u32 depth = 0; depth < PATH_STEPS; depth++) {
		step = step_up(&place);
		if (step == STEP_TOP || step == STEP_NOWHERE)
			return step;
		if (step == STEP_ON)
			continue;
		here = place.dentry;
		next = put_name(scratch, here, scratch->path_at);
		if (!next)
			return -1;
		scratch->path_at = next - 1;
		place.dentry = BPF_CORE_READ(here, d_parent);
	}
	scratch->climb_mount = (u64)place.mount;
	scratch->climb_dentry = (u64)place.dentry;
	return STEP_ON;
}

/* The path of climb_dentry as text in the scratch. 1: there it is; 0: it has none; -1: not known. */
__noinline int guard_path(void)
{
	struct scratch *scratch = scratch_of_current();
	struct vfsmount *mount;
	int step = STEP_ON;

	if (!scratch)
		return -1;
	scratch->path_at = KK_PATH_MAX;
	scratch->path_length = 0;
	mount = (struct vfsmount *)scratch->climb_mount;
	for (u32 round = 0; round < PATH_ROUNDS; round++) {
		step = guard_climb();
		if (step != STEP_ON)
			break;
	}
	if (scratch->path_at >= KK_PATH_MAX && step == STEP_TOP) {
		scratch->path_at = KK_PATH_MAX - 1;
		scratch->path[KK_PATH_MAX - 1] = '/';
	}
	scratch->path_length = KK_PATH_MAX - scratch->path_at;
	if (step == STEP_TOP)
		return 1;
	if (step != STEP_NOWHERE)
		return -1;
	return BPF_CORE_READ(mount, mnt_sb, s_flags) & SB_KERNMOUNT ? 0 : -1;
}

#define CHUNK 32u

/* Some bytes of the path down the automaton; the state behind them. */
__noinline int guard_match(u32 automaton_state, u32 chunk)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = { policy_bytes(), 0 };
	u32 at, place;

	if (!scratch || !policy.bytes)
		return 0;
	for (at = 0; at < CHUNK; at++) {
		place = chunk * CHUNK + at;
		if (place >= scratch->path_length)
			break;
		place += scratch->path_at;
		automaton_state = kk_step(&policy, automaton_state,
					  scratch->path[place & (KK_PATH_MAX - 1)]);
	}
	return (int)automaton_state;
}

/* The class of the path in the scratch. */
__noinline int guard_class(void)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = { policy_bytes(), 0 };
	u32 chunk, automaton_state;

	if (!scratch || !policy.bytes)
		return KK_CLASS_UNKNOWN;
	automaton_state = kk_u16_at(&policy, KK_H_START_PATH);
	for (chunk = 0; chunk < KK_PATH_MAX / CHUNK; chunk++) {
		if (chunk * CHUNK >= scratch->path_length)
			break;
		automaton_state = (u32)guard_match(automaton_state, chunk);
	}
	return (int)kk_class_of(&policy, automaton_state);
}

/* A function cannot take the kernel's pointers, so they go through the scratch. */
static __always_inline int find_path(struct scratch *scratch, struct vfsmount *mount,
				     struct dentry *dentry)
{
	scratch->climb_mount = (u64)mount;
	scratch->climb_dentry = (u64)dentry;
	return guard_path();
}

/* Path and class of the object. */
static __always_inline void locate(struct scratch *scratch, struct vfsmount *mount,
				   struct dentry *dentry)
{
	int found = find_path(scratch, mount, dentry);

	scratch->attempt.object.class_ = found == 1 ? (u16)guard_class() : 0;
	if (found < 0 || scratch->attempt.object.class_ == KK_CLASS_UNKNOWN) {
		scratch->attempt.object.class_ = KK_CLASS_UNKNOWN;
		scratch->attempt.unknown |= KK_U_PATH;
	}
}

/* And of the target: before the object, so that the room then holds the object's. */
static __always_inline void locate_target(struct scratch *scratch, struct vfsmount *mount,
					  struct dentry *dentry)
{
	int found = find_path(scratch, mount, dentry);
	long size;

	scratch->attempt.target.class_ = found == 1 ? (u16)guard_class() : 0;
	if (found < 0 || scratch->attempt.target.class_ == KK_CLASS_UNKNOWN) {
		scratch->attempt.target.class_ = KK_CLASS_UNKNOWN;
		scratch->attempt.unknown |= KK_U_TARGET;
	}
	size = scratch->path_length & (KK_PATH_MAX - 1);
	if (size > (long)sizeof(scratch->target) - 1)
		size = sizeof(scratch->target) - 1;
	bpf_probe_read_kernel(scratch->target, size,
			      &scratch->path[scratch->path_at & (KK_PATH_MAX - 1)]);
	scratch->target_length = (u32)size;
}

/* For hooks that give no mount: one of those of the file system under which the entry lies. */
static __always_inline struct vfsmount *some_mount(struct dentry *dentry)
{
	struct super_block *block = BPF_CORE_READ(dentry, d_sb);
	struct mount *mount;

	if (bpf_core_field_exists(((struct mount___chain *)0)->mnt_next_for_sb))
		mount = BPF_CORE_READ((struct super_block___chain *)block, s_mounts);
	else
		mount = (void *)BPF_CORE_READ(block, s_mounts.next) -
			bpf_core_field_offset(struct mount, mnt_instance);
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

#endif
