/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets: which families are made, which addresses are bound and connected to. */
#ifndef KAKOI_NETWORK_H
#define KAKOI_NETWORK_H

SEC("lsm/socket_create")
int socket_create(u64 *ctx)
{
	struct scratch *scratch;
	int refused;

	if ((u32)ctx[3])
		return 0;	/* the kernel's own */
	refused = begin(KK_OP_SOCKET, &scratch);
	if (!scratch)
		return refused;
	scratch->attempt.family = (u8)ctx[0];
	scratch->attempt.protocol = (u8)ctx[2];
	return judge();
}

/* An address in kernel memory: nobody can change it any more. */
static __always_inline void read_address(struct kk_attempt *attempt, const void *address)
{
	u16 family = 0, port = 0;

	bpf_probe_read_kernel(&family, sizeof(family), address);
	attempt->family = (u8)family;
	if (family != AF_INET && family != AF_INET6)
		return;
	bpf_probe_read_kernel(&port, sizeof(port), address + 2);
	attempt->port = (u16)(port << 8 | port >> 8);
	if (family == AF_INET)
		bpf_probe_read_kernel(attempt->address, 4, address + 4);
	else
		bpf_probe_read_kernel(attempt->address, 16, address + 8);
}

static __always_inline u32 protocol_of(struct socket *socket)
{
	if (bpf_core_field_size(((struct sock *)0)->sk_protocol) != 2)
		return 0;
	return BPF_CORE_READ(socket, sk, sk_protocol);
}

static __always_inline int reach(u32 op, struct socket *socket, const void *address)
{
	struct scratch *scratch;
	int refused = begin(op, &scratch);

	if (!scratch)
		return refused;
	read_address(&scratch->attempt, address);
	scratch->attempt.protocol = (u8)protocol_of(socket);
	return judge();
}

SEC("lsm/socket_bind")
int socket_bind(u64 *ctx)
{
	return reach(KK_OP_BIND, (struct socket *)ctx[0], (void *)ctx[1]);
}

SEC("lsm/socket_connect")
int socket_connect(u64 *ctx)
{
	return reach(KK_OP_CONNECT, (struct socket *)ctx[0], (void *)ctx[1]);
}

SEC("lsm/socket_sendmsg")
int socket_sendmsg(u64 *ctx)
{
	void *address = BPF_CORE_READ((struct msghdr *)ctx[1], msg_name);

	return address ? reach(KK_OP_CONNECT, (struct socket *)ctx[0], address) : 0;
}

#endif
