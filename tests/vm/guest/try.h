/* SPDX-License-Identifier: Apache-2.0 */
/* kakoi-try: what no BusyBox applet does, inertly. Programs of guests, linked without libraries. */
#ifndef KAKOI_TRY_H
#define KAKOI_TRY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What shows that something ran. */
#define RAN "/tmp/ran"

struct word {
	const char *name;
	int (*run)(int argc, char **argv);
};

extern const struct word mode_words[], run_words[], guard_words[], lineage_words[], case_words[],
	stress_words[], call_words[];

/* Marks that the payload ran; always 0. */
int ran(void);
/* A download, inert. */
int fetch(int argc, char **argv);
/* Copies a file into an open descriptor. */
int pour(const char *from, int to);

#endif
