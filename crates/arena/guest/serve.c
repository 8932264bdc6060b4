// SPDX-License-Identifier: Apache-2.0
/*
 * The world, as the image sees it: 192.0.2.10, which has whatever is asked for by HTTP or TFTP, and all of it inert.
 * And, for a person, the way from the host's loopback to the ports of the image.
 */
#include "arena.h"

#include <arpa/inet.h>

static char payload[1 << 20], script[4096];
static size_t payload_length, script_length;

static const char *body(const char *name, size_t *length)
{
	const char *end = strrchr(name, '.');

	if (end && !strncmp(end, ".sh", 3)) {
		*length = script_length;
		return script;
	}
	*length = payload_length;
	return payload;
}

static int open_socket(int type, int port, const char *address)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(port) };
	int file = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	place.sin_addr.s_addr = inet_addr(address);
	setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (file < 0 || bind(file, (struct sockaddr *)&place, sizeof(place)) ||
	    (type == SOCK_STREAM && listen(file, 16))) {
		close(file);
		return -1;
	}
	return file;
}

static void serve_http(void)
{
	int from = open_socket(SOCK_STREAM, 80, "192.0.2.10"), to;
	char request[1024], head[128], *path, *end;
	const char *bytes;
	size_t length;
	ssize_t count;

	while (from >= 0) {
		to = accept(from, NULL, NULL);
		if (to < 0)
			continue;
		count = read(to, request, sizeof(request) - 1);
		if (count > 0) {
			request[count] = 0;
			path = strchr(request, ' ');
			path = path ? path + 1 : request;
			end = strpbrk(path, " \r\n");
			if (end)
				*end = 0;
			bytes = body(path, &length);
			snprintf(head, sizeof(head), "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
			if (send(to, head, strlen(head), MSG_NOSIGNAL) > 0)
				send(to, bytes, length, MSG_NOSIGNAL);
		}
		shutdown(to, SHUT_WR);
		close(to);
	}
}

/* RFC 1350, reading only, no options: who asks for some gets none. */
static void send_file(const struct sockaddr_in *to, const char *name)
{
	int file = open_socket(SOCK_DGRAM, 0, "192.0.2.10"), try;
	unsigned char packet[516], answer[64];
	const char *bytes;
	size_t length, at = 0, part;
	unsigned int block = 1;

	bytes = body(name, &length);
	do {
		part = length - at > 512 ? 512 : length - at;
		packet[0] = 0;
		packet[1] = 3;
		packet[2] = block >> 8;
		packet[3] = block;
		memcpy(packet + 4, bytes + at, part);
		for (try = 0; try < 4; try++) {
			sendto(file, packet, part + 4, 0, (const struct sockaddr *)to, sizeof(*to));
			if (poll(&(struct pollfd){ file, POLLIN, 0 }, 1, 1000) > 0 &&
			    recv(file, answer, sizeof(answer), 0) >= 4 && answer[1] == 4 &&
			    (answer[2] << 8 | answer[3]) == (int)(block & 0xffff))
				break;
		}
		at += part;
		block++;
	} while (try < 4 && part == 512);
	close(file);
}

static void serve_tftp(void)
{
	int from = open_socket(SOCK_DGRAM, 69, "192.0.2.10");
	struct sockaddr_in to;
	char request[600];

	while (from >= 0) {
		socklen_t size = sizeof(to);
		ssize_t count = recvfrom(from, request, sizeof(request) - 1, 0, (struct sockaddr *)&to, &size);

		if (count < 4 || request[1] != 1)
			continue;
		request[count] = 0;
		if (!fork()) {
			send_file(&to, request + 2);
			_exit(0);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

void serve_downloads(void)
{
	payload_length = slurp("/arena/tools/payload", payload, sizeof(payload));
	script_length = slurp("/arena/tools/script", script, sizeof(script));
	if (!fork()) {
		serve_http();
		_exit(1);
	}
	if (!fork()) {
		serve_tftp();
		_exit(1);
	}
}

/* ---- for a person ------------------------------------------------------------------------------------------- */

static void relay(int one, int port)
{
	char path[64], bytes[4096];
	struct pollfd ends[2];
	int space, other, at;
	ssize_t count;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", image_init);
	space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWNET))
		return;
	other = dial(port, 0, 3000);
	if (other < 0)
		return;
	ends[0] = (struct pollfd){ one, POLLIN, 0 };
	ends[1] = (struct pollfd){ other, POLLIN, 0 };
	while (poll(ends, 2, 600000) > 0)
		for (at = 0; at < 2; at++) {
			if (!ends[at].revents)
				continue;
			count = read(ends[at].fd, bytes, sizeof(bytes));
			if (count <= 0 || send(ends[!at].fd, bytes, count, MSG_NOSIGNAL) != count)
				return;
		}
}

/* The host's loopback reaches 10.0.2.15; the image's port is behind it. */
void relay_port(int from, int to)
{
	int file, one;

	if (fork())
		return;
	file = open_socket(SOCK_STREAM, from, "10.0.2.15");
	while (file >= 0) {
		one = accept(file, NULL, NULL);
		if (one < 0)
			continue;
		if (!fork()) {
			relay(one, to);
			_exit(0);
		}
		close(one);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	_exit(1);
}
