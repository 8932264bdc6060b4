// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recorder of the honeypot: every call of every task of a cell, under the line that was typed. Tasks
 * are known by their descent: the server marks process 1 of a cell, and a mark is inherited at fork, so that
 * nothing can leave it. Whatever task reads the end of a line off the terminal takes the next number of the
 * cell; it is counted here, so that lost records move no line.
 *
 * A call is told when it returns, by one record. Only what does not return, or returns as another program,
 * is looked at when it begins.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "record.h"

/* x86-64: asm/unistd_64.h. */
#define CALL_READ 0
#define CALL_WRITE 1
#define CALL_RT_SIGRETURN 15
#define CALL_RECVFROM 45
#define CALL_EXECVE 59
#define CALL_EXIT 60
#define CALL_EXIT_GROUP 231
#define CALL_EXECVEAT 322
#define CALLS 512
#define true 1
#define false 0

/* Room for two pieces, the second of which may begin anywhere in the first half, and for a text that begins
 * anywhere in the second. */
#define BODY (4 * RECORD_TEXT)

/* A number that the verifier knows to be at most this mask; clang would drop the `&`. */
#define BOUNDED(value, mask)                                   \
	({                                                     \
		u64 bounded_ = (value);                        \
		asm volatile("%0 &= %1" : "+r"(bounded_) : "i"(mask)); \
		bounded_;                                      \
	})

struct record {
	struct record_head head;
	u8 body[BODY];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct record_task);
} record_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct record_cell);
} record_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, u32);
	__type(value, struct record_shape);
} record_shapes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct record);
} record_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} record_events SEC(".maps");

static __always_inline struct record_task *marked(struct task_struct *task)
{
	return bpf_task_storage_get(&record_tasks, task, 0, 0);
}

static __always_inline bool is_recorded(const struct record_task *mark)
{
	return mark->role == ROLE_SHELL || mark->role == ROLE_OTHER ||
	       mark->role == ROLE_SERVICE || mark->role == ROLE_HANDLER;
}

static __always_inline struct record *begin(const struct record_task *mark, u32 kind)
{
	u32 zero = 0, piece;
	struct record *record = bpf_map_lookup_elem(&record_scratch, &zero);
	struct record_head *head;

	if (!record)
		return NULL;
	head = &record->head;
	head->time = bpf_ktime_get_boot_ns();
	head->cell = mark->cell;
	head->kind = kind;
	head->task = (u32)bpf_get_current_pid_tgid();
	head->line = mark->line;
	head->role = mark->role;
	head->pid = mark->pid;
	head->parent = mark->parent;
	head->result = 0;
	head->child = 0;
	head->child_pid = 0;
	head->lines = 0;
	head->input = 0;
	head->missing = 0;
	for (piece = 0; piece < RECORD_PIECES; piece++)
		head->length[piece] = 0;
	return record;
}

/* The registers keep the arguments until the call has returned. */
static __always_inline void note_call(struct record *record, struct pt_regs *regs)
{
	struct record_head *head = &record->head;

	head->number = (u32)regs->orig_ax;
	head->arguments[0] = regs->di;
	head->arguments[1] = regs->si;
	head->arguments[2] = regs->dx;
	head->arguments[3] = regs->r10;
	head->arguments[4] = regs->r8;
	head->arguments[5] = regs->r9;
}

static __always_inline void note_call_of(struct record *record, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct record_head *head = &record->head;

	head->number = (u32)BPF_CORE_READ(regs, orig_ax);
	head->arguments[0] = BPF_CORE_READ(regs, di);
	head->arguments[1] = BPF_CORE_READ(regs, si);
	head->arguments[2] = BPF_CORE_READ(regs, dx);
	head->arguments[3] = BPF_CORE_READ(regs, r10);
	head->arguments[4] = BPF_CORE_READ(regs, r8);
	head->arguments[5] = BPF_CORE_READ(regs, r9);
}

static __always_inline void send(struct record *record, u32 body, bool urgent)
{
	u64 length = sizeof(record->head) + BOUNDED((u64)body, BODY - 1);
	u64 flags = BPF_RB_NO_WAKEUP;
	struct record_cell *cell;

	if (urgent || bpf_ringbuf_query(&record_events, BPF_RB_AVAIL_DATA) > 1 << 20)
		flags = BPF_RB_FORCE_WAKEUP;
	if (!bpf_ringbuf_output(&record_events, record, length, flags))
		return;
	cell = bpf_map_lookup_elem(&record_cells, &record->head.cell);
	if (cell)
		__sync_fetch_and_add(&cell->lost, 1);
}

struct word_walk {
	struct record *record;
	u64 address;
	u32 at;		/* of the piece in the body */
	u32 used;
	u32 missing;
};

static long next_word(u32 index, void *data)
{
	struct word_walk *walk = data;
	struct record *record = walk->record;
	u64 pointer = 0;
	u32 place;
	long length;

	if (bpf_probe_read_user(&pointer, sizeof(pointer),
				(void *)(walk->address + (u64)index * 8))) {
		walk->missing = 1;
		return 1;
	}
	if (!pointer || walk->used >= RECORD_TEXT)
		return 1;
	place = (walk->at & (RECORD_TEXT - 1)) + (walk->used & (RECORD_TEXT - 1));
	length = bpf_probe_read_user_str(record->body + place, RECORD_TEXT, (void *)pointer);
	if (length < 0) {
		walk->missing = 1;
		record->body[place] = 0;
		length = 1;
	}
	walk->used += (u32)length;
	return 0;
}

/* Reads a piece to the body; gives its length. */
static __always_inline u32 take(struct record *record, u32 kind, u64 value, u64 next, u32 at, u32 piece)
{
	u8 *to = record->body + (at & (RECORD_TEXT - 1));
	u64 most = kind == PIECE_DATA ? RECORD_DATA : RECORD_ADDRESS;
	long length;

	if (kind == PIECE_NONE || !value)
		return 0;
	if (kind == PIECE_WORDS) {
		struct word_walk walk = { record, value, at, 0, 0 };

		bpf_loop(RECORD_WORDS, next_word, &walk, 0);
		record->head.missing |= walk.missing << piece;
		return walk.used > RECORD_TEXT ? RECORD_TEXT : walk.used;
	}
	if (kind == PIECE_TEXT) {
		length = bpf_probe_read_user_str(to, RECORD_TEXT, (void *)value);
	} else {
		u64 count = BOUNDED(next < most ? next : most, 2 * RECORD_DATA - 1);

		length = (long)count;
		if (bpf_probe_read_user(to, (u32)count, (void *)value))
			length = -1;
	}
	if (length < 0) {
		record->head.missing |= 1u << piece;
		return 0;
	}
	return (u32)length;
}

/* All pieces of the call that the head names. */
static __always_inline u32 take_all(struct record *record)
{
	u32 number = record->head.number, body = 0, piece;
	struct record_shape *shape = bpf_map_lookup_elem(&record_shapes, &number);

	if (!shape)
		return 0;
	for (piece = 0; piece < RECORD_PIECES; piece++) {
		u32 argument = shape->argument[piece] & 7, kind = shape->kind[piece];
		u64 value, next;

		if (kind == PIECE_NONE || argument > 5)
			break;
		value = record->head.arguments[argument];
		next = argument < 5 ? record->head.arguments[argument + 1] : 0;
		/* A first piece of the full length leaves no room for a second. */
		if (body >= RECORD_TEXT)
			break;
		record->head.length[piece] = take(record, kind, value, next, body, piece);
		body += record->head.length[piece];
	}
	return body;
}

static __always_inline bool names_a_shell(struct task_struct *task)
{
	char comm[8] = {};

	bpf_probe_read_kernel(comm, sizeof(comm), &task->comm);
	if (comm[0] == 's' && comm[1] == 'h' && !comm[2])
		return true;
	if (comm[0] == 'a' && comm[1] == 's' && comm[2] == 'h' && !comm[3])
		return true;
	if (comm[1] == 'a' && comm[2] == 's' && comm[3] == 'h' && !comm[4])
		return comm[0] == 'b' || comm[0] == 'd';
	return comm[0] == 'h' && comm[1] == 'u' && comm[2] == 's' && comm[3] == 'h' && !comm[4];
}

static __always_inline struct file *file_of(struct task_struct *task, u64 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = NULL;

	if (!table || descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + descriptor))
		return NULL;
	return file;
}

static __always_inline struct inode *inode_of(struct task_struct *task, u64 descriptor)
{
	struct file *file = file_of(task, descriptor);

	return file ? BPF_CORE_READ(file, f_inode) : NULL;
}

/* Does a descriptor lead to where lines are typed: a terminal, or what a shell without one reads? */
static __always_inline bool is_input(struct task_struct *task, const struct record_task *mark, u64 descriptor)
{
	struct inode *inode = inode_of(task, descriptor);
	u32 kind, device;

	if (!inode)
		return false;
	kind = BPF_CORE_READ(inode, i_mode) & KIND_MASK;
	if (kind == KIND_CHARACTER) {
		device = BPF_CORE_READ(inode, i_rdev);
		/* Unix98 terminals, and /dev/tty. */
		return (device >> 20 >= 136 && device >> 20 <= 143) || device == 5 << 20;
	}
	if (!mark->input || BPF_CORE_READ(inode, i_ino) != mark->input ||
	    BPF_CORE_READ(inode, i_sb, s_dev) != mark->input_device)
		return false;
	return names_a_shell(task);
}

/*
 * Does a descriptor of the service, or of what it runs, lead to a connection that it has accepted, other than
 * the one whose request it works for? What it connects to itself has another port of its own.
 */
static __always_inline bool is_new_request(struct task_struct *task, struct record_task *mark, u64 descriptor)
{
	struct record_cell *cell;
	struct socket *socket;
	struct inode *inode;
	struct sock *sock;
	struct file *file;
	u32 port, family;

	if (mark->role != ROLE_SERVICE && mark->role != ROLE_HANDLER)
		return false;
	file = file_of(task, descriptor);
	inode = file ? BPF_CORE_READ(file, f_inode) : NULL;
	if (!inode || (BPF_CORE_READ(inode, i_mode) & KIND_MASK) != KIND_SOCKET ||
	    BPF_CORE_READ(inode, i_ino) == mark->input)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	if (!sock || !cell)
		return false;
	port = BPF_CORE_READ(sock, __sk_common.skc_num);
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (port != cell->port || (family != AF_INET && family != AF_INET6))
		return false;
	mark->input = BPF_CORE_READ(inode, i_ino);
	return true;
}

/* A request is a line: what is read of it is told, as far as there is room. */
static __always_inline u32 take_request(struct record *record, struct record_task *mark)
{
	u64 count = (u64)record->head.result;
	struct record_cell *cell = bpf_map_lookup_elem(&record_cells, &mark->cell);

	if (!cell)
		return 0;
	mark->line = __sync_fetch_and_add(&cell->line, 1) + 1;
	record->head.input = INPUT_REQUEST;
	record->head.lines = mark->line;
	if (count > RECORD_INPUT)
		count = RECORD_INPUT;
	if (bpf_probe_read_user(record->body, (u32)BOUNDED(count, 2 * RECORD_INPUT - 1),
				(void *)record->head.arguments[1]))
		return 0;
	record->head.length[0] = (u32)count;
	return (u32)count;
}

struct line_walk {
	struct record *record;
	u32 length;
	u32 ends;
};

static long next_byte(u32 index, void *data)
{
	struct line_walk *walk = data;
	u8 byte;

	if (index >= walk->length)
		return 1;
	byte = walk->record->body[index & (RECORD_INPUT - 1)];
	walk->ends += byte == '\n' || byte == '\r';
	return 0;
}

/* Bytes were read from where lines are typed: each end of a line is the next line. */
static __always_inline u32 take_input(struct record *record, struct record_task *mark)
{
	u64 count = (u64)record->head.result;
	struct line_walk walk = { record, 0, 0 };
	struct record_cell *cell;

	if (count > RECORD_INPUT)
		count = RECORD_INPUT;
	if (bpf_probe_read_user(record->body, (u32)BOUNDED(count, 2 * RECORD_INPUT - 1),
				(void *)record->head.arguments[1]))
		return 0;
	walk.length = (u32)count;
	bpf_loop(RECORD_INPUT, next_byte, &walk, 0);
	cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	if (!cell)
		return 0;
	if (walk.ends)
		mark->line = __sync_fetch_and_add(&cell->line, walk.ends) + walk.ends;
	record->head.input = INPUT_TYPED;
	record->head.lines = cell->line;
	record->head.length[0] = (u32)count;
	return (u32)count;
}

/*
 * A channel's process that serves a file transfer itself, where the persona has no program for it, says so before it
 * begins: it writes the command to no descriptor. Nothing of an intruder's ever runs in that role.
 */
static __always_inline bool declares(const struct record_task *mark, struct pt_regs *regs)
{
	return mark->role == ROLE_SHELL_TO_BE && regs->orig_ax == CALL_WRITE && (u32)regs->di == (u32)-1;
}

static __always_inline int declare(struct record_task *mark, struct pt_regs *regs)
{
	struct record_cell *cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	struct record *record;
	u64 count = regs->dx;

	if (!cell)
		return 0;
	mark->role = ROLE_SHELL;
	mark->line = __sync_fetch_and_add(&cell->line, 1) + 1;
	record = begin(mark, RECORD_DECLARED);
	if (!record)
		return 0;
	record->head.input = INPUT_TYPED;
	record->head.lines = mark->line;
	record->head.number = 0;
	if (count > RECORD_DATA)
		count = RECORD_DATA;
	if (bpf_probe_read_user(record->body, (u32)BOUNDED(count, 2 * RECORD_DATA - 1), (void *)regs->si))
		count = 0;
	record->head.length[0] = (u32)count;
	send(record, (u32)count, true);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(record_enter, struct pt_regs *regs, long number)
{
	struct record_task *mark;
	struct record *record;
	u32 body = 0;
	bool ends = number == CALL_EXIT || number == CALL_EXIT_GROUP;

	if (!ends && number != CALL_EXECVE && number != CALL_EXECVEAT)
		return 0;
	mark = marked(bpf_get_current_task_btf());
	if (!mark || !is_recorded(mark))
		return 0;
	record = begin(mark, ends ? RECORD_CALL : RECORD_EXEC);
	if (!record)
		return 0;
	note_call(record, regs);
	if (!ends)
		body = take_all(record);
	send(record, body, false);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(record_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct record_task *mark = marked(task);
	struct record *record;
	bool urgent = false;
	u32 body;

	if (mark && declares(mark, regs))
		return declare(mark, regs);
	if (!mark || !is_recorded(mark))
		return 0;
	record = begin(mark, RECORD_CALL);
	if (!record)
		return 0;
	note_call(record, regs);
	/* Which call a return from a signal's handler was is gone by now. */
	if (record->head.number == (u32)-1)
		record->head.number = CALL_RT_SIGRETURN;
	record->head.result = result;
	if (record->head.number == CALL_READ) {
		body = 0;
		if (result > 0 && is_input(task, mark, record->head.arguments[0])) {
			body = take_input(record, mark);
			urgent = record->head.line != mark->line;
		} else if (result > 0 && is_new_request(task, mark, record->head.arguments[0])) {
			body = take_request(record, mark);
			urgent = true;
		}
	} else if (record->head.number == CALL_RECVFROM && result > 0 &&
		   is_new_request(task, mark, record->head.arguments[0])) {
		body = take_request(record, mark);
		urgent = true;
	} else if ((record->head.number == CALL_EXECVE || record->head.number == CALL_EXECVEAT) && !result) {
		/* The arguments were those of another program. */
		body = 0;
	} else {
		body = take_all(record);
	}
	send(record, body, urgent);
	return 0;
}

static __always_inline u32 role_of_child(const struct record_task *mark)
{
	switch (mark->role) {
	case ROLE_FIRST:
		return mark->children ? ROLE_OTHER : ROLE_SERVER;
	case ROLE_SERVER:
		return ROLE_SHELL_TO_BE;
	case ROLE_SERVICE_FIRST:
		return ROLE_SERVICE_TO_BE;
	case ROLE_SERVICE:
	case ROLE_HANDLER:
		return mark->role;
	default:
		return ROLE_OTHER;
	}
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(record_fork, struct task_struct *parent, struct task_struct *child)
{
	struct record_task *mark = marked(parent), *made, new;
	struct record *record;
	struct pid *number;
	u32 level;

	if (!mark)
		return 0;
	new = *mark;
	/* A channel's process waits for the shell that it makes; one that makes none becomes the shell. */
	if (mark->role == ROLE_SHELL_TO_BE)
		mark->role = ROLE_SERVER;
	new.role = role_of_child(mark);
	mark->children++;
	number = BPF_CORE_READ(child, thread_pid);
	level = BPF_CORE_READ(number, level);
	bpf_probe_read_kernel(&new.pid, sizeof(new.pid), &number->numbers[level & 31].nr);
	new.parent = mark->pid;
	new.children = 0;
	made = bpf_task_storage_get(&record_tasks, child, &new, BPF_LOCAL_STORAGE_GET_F_CREATE);
	record = begin(mark, RECORD_MADE);
	if (!record)
		return 0;
	if (!made)
		record->head.missing = 1;
	note_call_of(record, parent);
	record->head.child = (u32)BPF_CORE_READ(child, pid);
	record->head.child_pid = new.pid;
	send(record, 0, true);
	return 0;
}

struct name_walk {
	struct record *record;
	u32 from;
	u32 length;
	u32 end;
};

static long next_of_name(u32 index, void *data)
{
	struct name_walk *walk = data;

	if (index >= walk->length)
		return 1;
	if (walk->record->body[(walk->from + index) & (2 * RECORD_TEXT - 1)])
		return 0;
	walk->end = index + 1;
	return 1;
}

/* Is the second word `-c`? Then what the shell runs is the next line. */
static __always_inline bool has_command(struct record *record, u32 from, u32 length)
{
	struct name_walk walk = { record, from, length, 0 };
	u32 at;

	bpf_loop(64, next_of_name, &walk, 0);
	at = from + walk.end;
	return walk.end && record->body[at & (2 * RECORD_TEXT - 1)] == '-' &&
	       record->body[(at + 1) & (2 * RECORD_TEXT - 1)] == 'c' &&
	       !record->body[(at + 2) & (2 * RECORD_TEXT - 1)];
}

/* Where the next word begins. */
static __always_inline u32 after_word(struct record *record, u32 from, u32 length)
{
	struct name_walk walk = { record, from, length, 0 };

	bpf_loop(256, next_of_name, &walk, 0);
	return from + walk.end;
}

static __always_inline void become_shell(struct task_struct *task, struct record_task *mark,
					 struct record *record, u32 from, u32 length)
{
	struct inode *inode = inode_of(task, 0);
	struct record_cell *cell;
	u32 kind;

	mark->role = ROLE_SHELL;
	if (inode) {
		kind = BPF_CORE_READ(inode, i_mode) & KIND_MASK;
		if (kind == KIND_FIFO || kind == KIND_SOCKET) {
			mark->input = BPF_CORE_READ(inode, i_ino);
			mark->input_device = BPF_CORE_READ(inode, i_sb, s_dev);
		}
	}
	cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	if (!cell || !has_command(record, from, length))
		return;
	mark->line = __sync_fetch_and_add(&cell->line, 1) + 1;
	record->head.input = INPUT_TYPED;
	record->head.lines = mark->line;
}

/* Does the first word end as the names of shells do? */
static __always_inline bool is_shell_by_name(struct record *record, u32 from, u32 length)
{
	struct name_walk walk = { record, from, length, 0 };
	u32 at;

	bpf_loop(64, next_of_name, &walk, 0);
	at = from + walk.end;
	return walk.end > 2 && record->body[(at - 2) & (2 * RECORD_TEXT - 1)] == 'h' &&
	       record->body[(at - 3) & (2 * RECORD_TEXT - 1)] == 's';
}

/*
 * The service, or something that it runs, runs another program. A shell that is given a command begins a line; one
 * that reads from a connection reads lines there. What such a shell makes belongs to them.
 */
static __always_inline void become_handler(struct task_struct *task, struct record_task *mark,
					   struct record *record, u32 from, u32 length)
{
	struct inode *inode = inode_of(task, 0);
	struct record_cell *cell;

	mark->role = ROLE_HANDLER;
	if (!is_shell_by_name(record, from, length))
		return;
	cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	if (cell && has_command(record, from, length)) {
		mark->role = ROLE_OTHER;
		mark->line = __sync_fetch_and_add(&cell->line, 1) + 1;
		record->head.input = INPUT_TYPED;
		record->head.lines = mark->line;
	} else if (inode && (BPF_CORE_READ(inode, i_mode) & KIND_MASK) == KIND_SOCKET &&
		   names_a_shell(task)) {
		mark->role = ROLE_OTHER;
		mark->input = BPF_CORE_READ(inode, i_ino);
		mark->input_device = BPF_CORE_READ(inode, i_sb, s_dev);
	}
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(record_exec, struct task_struct *task, int old, struct linux_binprm *binary)
{
	struct record_task *mark = marked(task);
	u64 from, to, length;
	struct record_cell *cell;
	struct record *record;
	u32 words;
	long name;

	if (!mark || mark->role < ROLE_SHELL_TO_BE || mark->role == ROLE_SERVICE_FIRST)
		return 0;
	record = begin(mark, RECORD_BECAME);
	if (!record)
		return 0;
	record->head.number = 0;
	name = bpf_probe_read_kernel_str(record->body, RECORD_TEXT, BPF_CORE_READ(binary, filename));
	if (name < 0)
		name = 0;
	name = (long)BOUNDED((u64)name, 2 * RECORD_TEXT - 1);
	record->head.length[0] = (u32)name;
	from = BPF_CORE_READ(task, mm, arg_start);
	to = BPF_CORE_READ(task, mm, arg_end);
	length = to > from ? to - from : 0;
	if (length > RECORD_TEXT)
		length = RECORD_TEXT;
	if (bpf_probe_read_user(record->body + name, (u32)BOUNDED(length, 2 * RECORD_TEXT - 1),
				(void *)from))
		length = 0;
	record->head.length[1] = (u32)length;
	words = (u32)name;
	cell = bpf_map_lookup_elem(&record_cells, &mark->cell);
	if (cell && cell->emulated)
		words = after_word(record, after_word(record, words, (u32)length), (u32)length);
	if (mark->role == ROLE_SHELL_TO_BE)
		become_shell(task, mark, record, words, (u32)length);
	else if (mark->role == ROLE_SERVICE_TO_BE)
		mark->role = ROLE_SERVICE;
	else if (mark->role == ROLE_SERVICE || mark->role == ROLE_HANDLER)
		become_handler(task, mark, record, words, (u32)length);
	send(record, (u32)(name + length), true);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(record_end, struct task_struct *task)
{
	struct record_task *mark = marked(task);
	struct record *record;

	if (!mark)
		return 0;
	record = begin(mark, RECORD_ENDED);
	if (!record)
		return 0;
	record->head.number = 0;
	send(record, 0, true);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
