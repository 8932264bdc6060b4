// SPDX-License-Identifier: Apache-2.0
/* Links and addresses, by ioctl where that is enough and by rtnetlink (RFC 3549) where it is not. */
#include "arena.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>

static int with_socket(unsigned long what, struct ifreq *request)
{
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	if (file < 0)
		return -1;
	result = ioctl(file, what, request);
	close(file);
	return result;
}

void link_up(const char *name)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	with_socket(SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	with_socket(SIOCSIFFLAGS, &request);
}

int rename_link(const char *from, const char *to)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, IFNAMSIZ, "%s", from);
	snprintf(request.ifr_newname, IFNAMSIZ, "%s", to);
	return with_socket(SIOCSIFNAME, &request);
}

int add_address(const char *name, const char *address, int bits)
{
	struct ifreq request = { 0 };
	struct sockaddr_in *place = (struct sockaddr_in *)&request.ifr_addr;

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	place->sin_family = AF_INET;
	place->sin_addr.s_addr = inet_addr(address);
	if (with_socket(SIOCSIFADDR, &request))
		return -1;
	place->sin_addr.s_addr = htonl(~0u << (32 - bits));
	return with_socket(SIOCSIFNETMASK, &request);
}

int dial(int port, uint32_t address, int milliseconds)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(port) };
	int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t size = sizeof(error);

	place.sin_addr.s_addr = address ? address : htonl(INADDR_LOOPBACK);
	if (file < 0)
		return -1;
	if (connect(file, (struct sockaddr *)&place, sizeof(place))) {
		if (errno != EINPROGRESS)
			error = errno;
		else if (poll(&(struct pollfd){ file, POLLOUT, 0 }, 1, milliseconds) <= 0)
			error = ETIMEDOUT;
		else
			getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	if (error) {
		close(file);
		errno = error;
		return -1;
	}
	fcntl(file, F_SETFL, 0);
	return file;
}

/* ---- rtnetlink -------------------------------------------------------------------------------------------- */

struct message {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char rest[512];
};

static struct rtattr *attribute(struct message *message, int type, const void *data, size_t size)
{
	struct rtattr *at = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->head.nlmsg_len));

	at->rta_type = type;
	at->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(at), data, size);
	message->head.nlmsg_len = NLMSG_ALIGN(message->head.nlmsg_len) + RTA_ALIGN(at->rta_len);
	return at;
}

static void close_attribute(struct message *message, struct rtattr *at)
{
	at->rta_len = (char *)message + message->head.nlmsg_len - (char *)at;
}

static int ask(struct message *message)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct { struct nlmsghdr head; struct nlmsgerr error; char more[512]; } answer;
	int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), result = -1;

	message->head.nlmsg_type = RTM_NEWLINK;
	message->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
	if (file >= 0 && sendto(file, message, message->head.nlmsg_len, 0, (struct sockaddr *)&kernel,
				sizeof(kernel)) > 0 &&
	    recv(file, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.head) &&
	    answer.head.nlmsg_type == NLMSG_ERROR) {
		errno = -answer.error.error;
		result = errno ? -1 : 0;
	}
	if (file >= 0)
		close(file);
	return result;
}

int add_link(const char *kind, const char *name)
{
	struct message message = { .head.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)) };
	struct rtattr *info;

	attribute(&message, IFLA_IFNAME, name, strlen(name) + 1);
	info = attribute(&message, IFLA_LINKINFO, NULL, 0);
	attribute(&message, IFLA_INFO_KIND, kind, strlen(kind));
	close_attribute(&message, info);
	return ask(&message);
}

/* Two ends of a line; the other end lies in the network of a process. */
int add_pair(const char *ours, const char *theirs, int other)
{
	struct message message = { .head.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)) };
	struct ifinfomsg none = { 0 };
	struct rtattr *info, *data, *peer;

	attribute(&message, IFLA_IFNAME, ours, strlen(ours) + 1);
	info = attribute(&message, IFLA_LINKINFO, NULL, 0);
	attribute(&message, IFLA_INFO_KIND, "veth", 4);
	data = attribute(&message, IFLA_INFO_DATA, NULL, 0);
	peer = attribute(&message, VETH_INFO_PEER, &none, sizeof(none));
	attribute(&message, IFLA_IFNAME, theirs, strlen(theirs) + 1);
	attribute(&message, IFLA_NET_NS_PID, &other, sizeof(other));
	close_attribute(&message, peer);
	close_attribute(&message, data);
	close_attribute(&message, info);
	return ask(&message);
}
