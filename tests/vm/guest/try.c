// SPDX-License-Identifier: Apache-2.0
/* Which word does what. Under any other name than kakoi-try it is a payload, which only says that it ran; as
 * `lua`, `bash` or `harmless` an interpreter that reads the file it is given. */
#include <fcntl.h>

#include "try.h"

int ran(void)
{
	static const char said[] = "<2>@@ ran\n";
	int file = open("/dev/kmsg", O_WRONLY);

	/* A guest that is destroyed does not tell of its files any more. */
	if (file >= 0 && (write(file, said, sizeof(said) - 1) < 0 || close(file)))
		return 1;
	file = open(RAN, O_WRONLY | O_CREAT, 0644);
	return file < 0 ? 1 : close(file);
}

int pour(const char *from, int to)
{
	char bytes[4096];
	ssize_t count;
	int file = open(from, O_RDONLY);

	if (file < 0)
		return -1;
	while ((count = read(file, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, count) != count)
			break;
	close(file);
	return count == 0 ? 0 : -1;
}

/* An interpreter in small: a file that can be read has run. */
static int interpret(int argc, char **argv)
{
	char byte;
	int file = argc > 1 ? open(argv[argc - 1], O_RDONLY) : 0;

	return file >= 0 && read(file, &byte, 1) == 1 ? ran() : 1;
}

static const struct word *look(const struct word *words, const char *name)
{
	for (; words->name; words++)
		if (!strcmp(words->name, name))
			return words;
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct word *const all[] = { mode_words, run_words, guard_words, lineage_words, case_words,
						stress_words, call_words };
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	const struct word *word = NULL;
	size_t at;

	if (!strcmp(name, "wget") || !strcmp(name, "curl") || !strcmp(name, "tftp") || !strcmp(name, "ftpget"))
		return fetch(argc, argv);
	if (!strcmp(name, "lua") || !strcmp(name, "bash") || !strcmp(name, "harmless"))
		return interpret(argc, argv);
	if (!strcmp(name, "telnetd") && argc > 1 && !strcmp(argv[1], "driver"))
		return look(lineage_words, "driver")->run(argc - 1, argv + 1);
	if (!strcmp(name, "kakoi-agent"))
		return look(guard_words, "agent")->run(argc, argv);
	if (strcmp(name, "kakoi-try"))
		return ran();
	for (at = 0; argc > 1 && at < sizeof(all) / sizeof(*all) && !word; at++)
		word = look(all[at], argv[1]);
	if (word)
		return word->run(argc - 1, argv + 1);
	fprintf(stderr, "kakoi-try: no such word\n");
	return 2;
}
