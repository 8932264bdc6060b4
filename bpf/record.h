/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the recorder of the honeypot keeps and sends. Mirrored in crates/honeypot/src/bpf/layout.rs; a test
 * there holds both equal.
 */
#ifndef KAKOI_RECORD_H
#define KAKOI_RECORD_H

/* What a task is to the record; the same as `Role` in crates/honeypot/src/record/task.rs. */
enum record_role {
	ROLE_FIRST = 0,		/* process 1 of a cell */
	ROLE_SERVER = 1,	/* the login server */
	ROLE_SHELL_TO_BE = 2,	/* becomes the shell when it runs its first program */
	ROLE_SHELL = 3,
	ROLE_OTHER = 4,
	ROLE_SERVICE_FIRST = 5,	/* process 1 of a cell with a service; not recorded */
	ROLE_SERVICE_TO_BE = 6,	/* becomes the service when it runs its first program */
	ROLE_SERVICE = 7,	/* the service, and what it makes of itself */
	ROLE_HANDLER = 8	/* what the service runs, up to the shell that is given a command */
};

/* Of every task of a cell; a child inherits it. */
struct record_task {
	u64 cell;
	u64 input;		/* inode from which its shell reads lines without a terminal; 0: none.
				   Of a service: the connection whose request it works for */
	u32 input_device;
	u32 line;
	u32 role;
	u32 children;
	u32 pid;		/* in the cell */
	u32 parent;		/* likewise */
};

/* Of every cell. */
struct record_cell {
	u64 lost;		/* records that found no room */
	u32 line;		/* lines that were typed so far, and requests that were read */
	u32 port;		/* of the service, 0: none */
	u32 emulated;		/* 1: programs are run by an emulator, whose name and theirs come before their words */
	u32 padding;
};

enum record_kind {
	RECORD_CALL = 1,	/* a call returned; exit calls: it begins */
	RECORD_MADE = 2,	/* a task made another */
	RECORD_EXEC = 3,	/* an execve begins */
	RECORD_BECAME = 4,	/* another program runs */
	RECORD_ENDED = 5,	/* a task is no more */
	RECORD_DECLARED = 6	/* a channel's process does itself what it says */
};

/* How a piece is read; the same as in layout.rs. */
enum record_piece {
	PIECE_NONE = 0,
	PIECE_TEXT = 1,		/* up to a NUL */
	PIECE_DATA = 2,		/* its length is the next argument */
	PIECE_ADDRESS = 3,	/* likewise */
	PIECE_WORDS = 4		/* pointers to texts, up to a null pointer */
};

/* What the first piece of a record is to the lines of its cell. */
enum record_input {
	INPUT_NONE = 0,
	INPUT_TYPED = 1,	/* it was read from where lines are typed, or is a command given to a shell */
	INPUT_REQUEST = 2	/* it is what the service read of a request */
};

#define RECORD_PIECES 2
#define RECORD_TEXT 4096u
#define RECORD_DATA 1024u
#define RECORD_ADDRESS 128u
#define RECORD_INPUT 4096u
#define RECORD_WORDS 64

/* Which arguments of a call are pieces, by number of the call. */
struct record_shape {
	u8 kind[RECORD_PIECES];
	u8 argument[RECORD_PIECES];
};

struct record_head {
	u64 time;		/* since boot, ns */
	u64 cell;
	__s64 result;
	u64 arguments[6];
	u32 kind;
	u32 task;		/* number on the host */
	u32 line;		/* of the task when the call began */
	u32 number;		/* of the call */
	u32 role;
	u32 pid;
	u32 parent;
	u32 child;		/* RECORD_MADE: number on the host, and in the cell */
	u32 child_pid;
	u32 lines;		/* lines of the cell after this */
	u32 input;		/* enum record_input */
	u32 length[RECORD_PIECES];
	u32 missing;		/* pieces that could not be read, bit by number */
};

#endif
