/* SPDX-License-Identifier: GPL-2.0-only */
/* Attributes of files whose hooks have an entry but no mount: owner and times, access control lists,
 * capabilities. (path_chown takes structures by value, which programs cannot before 6.1.) */
#ifndef KAKOI_ATTRIBUTES_H
#define KAKOI_ATTRIBUTES_H

#define CHANGES 0x1b6u		/* ATTR_UID, ATTR_GID, ATTR_ATIME, ATTR_MTIME, and both as given */
#define CHANGES_ELSEWHERE 0x09u	/* mode, size: other hooks see these */
#define ACL_USER 2
#define ACL_GROUP 8
#define ACL_ENTRIES 16u

/* The argument at this place, of a hook that got an identity mapping in front of it. Read by address: the
 * compiler would choose between places in ctx, which the verifier does not follow. */
static __always_inline u64 argument(u64 *ctx, u32 place, u32 shifted)
{
	u64 plain = 0, moved = 0;

	bpf_probe_read_kernel(&plain, sizeof(plain), ctx + place);
	bpf_probe_read_kernel(&moved, sizeof(moved), ctx + place + 1);
	return shifted ? moved : plain;
}

static __always_inline int about_entry(u32 op, struct dentry *dentry, struct scratch **scratch)
{
	int refused = begin(op, scratch);

	if (!*scratch)
		return refused;
	about(*scratch, some_mount(dentry), dentry, BPF_CORE_READ(dentry, d_inode));
	return 1;
}

SEC("lsm/inode_setattr")
int inode_setattr(u64 *ctx)
{
	struct dentry *dentry = (void *)argument(ctx, 0, config.idmap_setattr);
	struct iattr *attributes = (void *)argument(ctx, 1, config.idmap_setattr);
	struct scratch *scratch;
	u32 valid;
	int refused;

	valid = BPF_CORE_READ(attributes, ia_valid);
	if (valid & CHANGES_ELSEWHERE || !(valid & CHANGES))
		return 0;
	refused = about_entry(KK_OP_SETATTR, dentry, &scratch);
	return refused > 0 ? judge() : refused;
}

/* The x bits that a list gives, whoever gets them; more entries than we read count as all. */
static __always_inline u32 granted(struct posix_acl *list)
{
	u32 entries = BPF_CORE_READ(list, a_count), mode = 0, at;
	struct posix_acl_entry entry = {};

	for (at = 0; at < ACL_ENTRIES; at++) {
		if (at >= entries)
			break;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)list +
					      bpf_core_field_offset(struct posix_acl, a_entries) +
					      at * sizeof(entry));
		if (entry.e_perm & 1)
			mode |= 0111;
	}
	return entries > ACL_ENTRIES ? 0111 : mode;
}

static __always_inline int change_attribute(struct dentry *dentry, u32 which, u32 mode)
{
	struct scratch *scratch;
	int refused = about_entry(KK_OP_SETXATTR, dentry, &scratch);

	if (refused <= 0)
		return refused;
	scratch->attempt.arg = (u8)which;
	scratch->attempt.mode = (u16)mode;
	return judge();
}

/* 6.2 and later. */
SEC("lsm/inode_set_acl")
int inode_set_acl(u64 *ctx)
{
	char name[25] = {};

	if (!ctx[3])
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), (void *)ctx[2]);
	if (!IS(name, "system.posix_acl_access"))
		return 0;
	return change_attribute((struct dentry *)ctx[1], KK_XATTR_ACL,
				granted((struct posix_acl *)ctx[3]));
}

SEC("lsm/inode_setxattr")
int inode_setxattr(u64 *ctx)
{
	struct dentry *dentry = (void *)argument(ctx, 0, config.idmap_setxattr);
	char name[25] = {};

	bpf_probe_read_kernel_str(name, sizeof(name),
				  (void *)argument(ctx, 1, config.idmap_setxattr));
	if (IS(name, "security.capability"))
		return change_attribute(dentry, KK_XATTR_CAPABILITY, 0);
	/* Before 6.2; what the value grants is not looked into: as if it gave everything. */
	if (IS(name, "system.posix_acl_access"))
		return change_attribute(dentry, KK_XATTR_ACL, 0111);
	return change_attribute(dentry, KK_XATTR_OTHER, 0);
}

#endif
