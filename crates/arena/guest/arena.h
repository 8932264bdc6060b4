/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of an arena's guest. It prepares what a device would have, runs the image's own init in
 * namespaces of its own (processes, network), watches, acts out benign life and scenarios, and switches off.
 * What it says are lines of the kernel's log, `@@ WORD TEXT`, so that they are never mixed with others.
 */
#ifndef KAKOI_ARENA_H
#define KAKOI_ARENA_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a job says, from /arena/job. */
struct job {
	char init[256];
	int writable;		/* an overlay, instead of the file system as it is */
	int seconds;		/* how long it is watched */
	int settle;		/* seconds after which it has booted */
	int interactive;	/* until the host ends it */
	char preload[256];
	char label[256];	/* extended attribute of what is held: name, blank, value for sessions, blank, value for the fixture */
	char confine[32];	/* how sessions and the fixture confine themselves, where nobody else does */
	char options[128];	/* for the mount of the image's root */
	int trigger;		/* TOMOYO waits for a program to be run before its policy counts */
	char interfaces[1024];	/* names that the image expects, with blanks between them */
};

extern struct job job;
/* Process of the image's init, as we see it; 0 when it ended. */
extern pid_t image_init;
/* The image's root, as a directory that is open. */
extern int image_root;

void say(const char *word, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Milliseconds since the guest started. */
long now(void);
/* Reads a small file whole; bytes read, 0 when it cannot be read. Ends in a zero. */
size_t slurp(const char *path, char *into, size_t room);
/* Text of others with nothing in it that could be taken for ours. */
void plain(char *text, size_t length);

/* net.c */
void link_up(const char *name);
int add_address(const char *name, const char *address, int bits);
int add_link(const char *kind, const char *name);
int add_pair(const char *ours, const char *theirs, int other);
int rename_link(const char *from, const char *to);

/* Connects to a port of an address in network order, or of the loopback for 0; -1 after so many milliseconds. */
int dial(int port, uint32_t address, int milliseconds);

/* watch.c */
int open_watch(void);
void watch(int watching, long until, long quiet);
void report_listeners(int probe);
/* Each that lives is a line; `booted` when the image has booted, `alive` at the end. */
void report_alive(const char *word);
void forward_events(void);
/* Waits until the image's init is gone, which is then no failure; 1: it is. */
int wait_for_end(int seconds);
/* What other defences than ours wrote down of their refusals. */
void forward_denied(void);

/* serve.c: what intruders fetch; and what brings the host to the image's ports. */
void serve_downloads(void);
void relay_port(int from, int to);

/* enter.c: processes inside the image. */
/* Becomes a process of the image's namespaces and root; in a child only. */
int enter_image(void);
/* Gives the image's end of the line an address. */
void configure_line(void);
/* Runs a shell command in the image, outside every session. Exit code, or 128 and the signal, 124 out of time. */
int run_inside(const char *command, int seconds, char *said, size_t room);
/* Types a file into a session. */
void act_scenario(const char *name, const char *path);
int login_daemon(int port, const char *confine);
/* Our programs are where they are run from, also when the image has moved to another root. */
void open_tools(void);
void bring_tools(void);
void copy_tools(const char *folder);

/* confine.c: Landlock and system-call filters, as programs take them upon themselves. */
int confine_self(const char *how);

/* fixture.c: a web server with a command injection and an overrun, both ours and inert. */
#define FIXTURE_PORT 8081
int fixture(const char *confine);
/* Sends a request to it and says what came of it. */
void act_request(const char *name, const char *path);

/* fetch.c: what intruders fetch with, where the image has nothing of the kind. */
int fetch(int argc, char **argv);

/* steps.c */
void act_steps(void);

#endif
