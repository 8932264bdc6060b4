// SPDX-License-Identifier: GPL-2.0-only
/* Sockets and capabilities; and the connection that makes a login daemon's next child a session. */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "kakoi_lkm.h"

static struct kakoi_hook socket_hook, bind_hook, connect_hook, sendmsg_hook, capable_hook;

/* ---- sockets ------------------------------------------------------------------------------------------------ */

static void address_of(struct kk_attempt *attempt, const struct sockaddr *address, int length)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	if (!address || length < (int)sizeof(sa_family_t))
		return;
	attempt->family = address->sa_family;
	if (address->sa_family == AF_INET && length >= (int)sizeof(*four)) {
		attempt->port = ntohs(four->sin_port);
		memcpy(attempt->address, &four->sin_addr, 4);
	} else if (address->sa_family == AF_INET6 && length >= 24 /* without the scope, RFC 2133 */) {
		attempt->port = ntohs(six->sin6_port);
		memcpy(attempt->address, &six->sin6_addr, 16);
	}
}

static int judge_address(enum kk_op op, const struct socket *socket, const struct sockaddr *address,
			 int length)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, op, GFP_KERNEL);
	if (socket->sk) {
		c.attempt.family = socket->sk->sk_family;
		c.attempt.protocol = socket->sk->sk_protocol;
	}
	address_of(&c.attempt, address, length);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

static noinline int my_socket_create(int family, int type, int protocol, int kern)
{
	struct kakoi_case c;
	int answer = 0;

	if (!kern) {
		kakoi_begin(&c, KK_OP_SOCKET, GFP_KERNEL);
		c.attempt.family = family;
		c.attempt.protocol = protocol;
		answer = kakoi_judge(&c);
		kakoi_end(&c);
	}
	if (!answer)
		answer = KAKOI_ORIGINAL(socket_hook, my_socket_create)(family, type, protocol, kern);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(socket_hook, my_socket_create, KAKOI_BIT(KK_OP_SOCKET), "security_socket_create");

static noinline int my_socket_bind(struct socket *socket, struct sockaddr *address, int length)
{
	int answer = judge_address(KK_OP_BIND, socket, address, length);

	if (!answer)
		answer = KAKOI_ORIGINAL(bind_hook, my_socket_bind)(socket, address, length);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(bind_hook, my_socket_bind, KAKOI_BIT(KK_OP_BIND), "security_socket_bind");

static noinline int my_socket_connect(struct socket *socket, struct sockaddr *address, int length)
{
	int answer = judge_address(KK_OP_CONNECT, socket, address, length);

	if (!answer)
		answer = KAKOI_ORIGINAL(connect_hook, my_socket_connect)(socket, address, length);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(connect_hook, my_socket_connect, KAKOI_BIT(KK_OP_CONNECT), "security_socket_connect");

static noinline int my_socket_sendmsg(struct socket *socket, struct msghdr *message, int size)
{
	int answer = 0;

	if (message->msg_name)
		answer = judge_address(KK_OP_CONNECT, socket, message->msg_name, message->msg_namelen);
	if (!answer)
		answer = KAKOI_ORIGINAL(sendmsg_hook, my_socket_sendmsg)(socket, message, size);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(sendmsg_hook, my_socket_sendmsg, KAKOI_BIT(KK_OP_CONNECT), "security_socket_sendmsg");

/* ---- capabilities --------------------------------------------------------------------------------------------- */

static noinline int my_capable(const struct cred *cred, struct user_namespace *namespace, int capability,
			       unsigned int options)
{
	struct kakoi_case c;
	int answer = 0;

	if (cred == current_cred()) {
		kakoi_begin(&c, KK_OP_CAPABLE, GFP_ATOMIC);
		c.attempt.arg = capability;
		c.quiet = options & CAP_OPT_NOAUDIT;
		answer = kakoi_judge(&c);
		kakoi_end(&c);
	}
	if (!answer)
		answer = KAKOI_ORIGINAL(capable_hook, my_capable)(cred, namespace, capability, options);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(capable_hook, my_capable, KAKOI_BIT(KK_OP_CAPABLE), "security_capable");

struct kakoi_hook *const kakoi_network_hooks[] = {
	&socket_hook, &bind_hook, &connect_hook, &sendmsg_hook, &capable_hook, NULL,
};
