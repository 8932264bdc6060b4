// SPDX-License-Identifier: Apache-2.0
/*
 * wget, curl, tftp and ftpget for images that have none: whatever is asked for is there, and is inert. So an infection gets
 * past its download, as it would with a tool of its own. A name that ends in .sh is the script; all else the payload.
 */
#include "arena.h"

static const char *last_part(const char *text)
{
	const char *slash = strrchr(text, '/');

	return slash ? slash + 1 : text;
}

/* The file to write: -O, -o or -l FILE, -r or -g -r NAME, else the last part of the last word. */
static const char *output_of(int argc, char **argv)
{
	const char *name = NULL;
	int at;

	for (at = 1; at + 1 < argc; at++) {
		if (argv[at][0] != '-' || !argv[at][1] || argv[at][2])
			continue;
		if (strchr("Ool", argv[at][1]))
			return argv[at + 1];
		if (strchr("rg", argv[at][1]) && argv[at + 1][0] != '-')
			name = last_part(argv[at + 1]);
	}
	for (at = argc - 1; at > 0 && !name; at--)
		if (argv[at][0] != '-')
			name = last_part(argv[at]);
	return name && *name ? name : "index.html";
}

static int pour(const char *from, int to)
{
	int file = open(from, O_RDONLY);
	char bytes[4096];
	ssize_t count = -1;

	while (file >= 0 && (count = read(file, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, count) != count)
			return 1;
	return count != 0;
}

int fetch(int argc, char **argv)
{
	const char *name = output_of(argc, argv), *end = strrchr(name, '.');
	const char *from = end && !strcmp(end, ".sh") ? "/kakoi/script" : "/kakoi/payload";
	int to;

	if (!strcmp(name, "-"))
		return pour("/kakoi/script", 1);
	to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (to < 0) {
		perror(name);
		return 1;
	}
	return pour(from, to) || close(to);
}
