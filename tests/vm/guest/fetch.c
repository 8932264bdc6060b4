// SPDX-License-Identifier: Apache-2.0
/*
 * wget, curl, tftp and ftpget of the guests: whatever is asked for is there, and is inert. A name that ends in
 * .sh, or has no binary look, is the script; all else the payload. So a replayed infection gets past its download.
 */
#include <fcntl.h>

#include "try.h"

static const char *last_part(const char *text)
{
	const char *slash = strrchr(text, '/');

	return slash ? slash + 1 : text;
}

/* The file to write: -O, -o, -l or -r FILE, else the last part of the last word. */
static const char *output_of(int argc, char **argv)
{
	const char *name = NULL;
	int at;

	for (at = 1; at < argc; at++) {
		if (argv[at][0] == '-' && argv[at][1] && strchr("Ool", argv[at][1]) && !argv[at][2] && at + 1 < argc)
			return argv[at + 1];
		if (argv[at][0] == '-' && (argv[at][1] == 'r' || argv[at][1] == 'g') && !argv[at][2] && at + 1 < argc &&
		    argv[at + 1][0] != '-')
			name = last_part(argv[at + 1]);
	}
	for (at = argc - 1; at > 0 && !name; at--)
		if (argv[at][0] != '-' && strchr(argv[at], '/'))
			name = last_part(argv[at]);
	for (at = argc - 1; at > 0 && !name; at--)
		if (argv[at][0] != '-')
			name = argv[at];
	return name && *name ? name : "index.html";
}

int fetch(int argc, char **argv)
{
	const char *name = output_of(argc, argv);
	const char *end = strrchr(name, '.');
	const char *from = end && !strcmp(end, ".sh") ? "/kakoi/script" : "/kakoi/payload";
	int to;

	if (!strcmp(name, "-") || (!strcmp(last_part(argv[0]), "curl") && !strstr(*argv, "-o") && argc == 2))
		return pour("/kakoi/script", 1);
	to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (to < 0 || pour(from, to)) {
		perror(name);
		return 1;
	}
	return close(to);
}
