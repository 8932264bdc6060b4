// SPDX-License-Identifier: Apache-2.0
// Makes the calls that stand in a table, and writes the results to standard output. No libc: nothing else is called but write and
// exit_group. Built with -DCALLS='{...}' as number and six arguments.
static const unsigned long calls[][7] = CALLS;
static long results[sizeof calls / sizeof *calls];

static long call(const unsigned long c[7])
{
	register unsigned long r10 __asm__("r10") = c[4];
	register unsigned long r8 __asm__("r8") = c[5];
	register unsigned long r9 __asm__("r9") = c[6];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(c[0]), "D"(c[1]), "S"(c[2]), "d"(c[3]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

void _start(void)
{
	for (unsigned long i = 0; i < sizeof calls / sizeof *calls; i++)
		results[i] = call(calls[i]);
#ifdef COMPAT
	__asm__ volatile("int $0x80" : : "a"(20) : "memory");
#endif
	for (unsigned long done = 0; done < sizeof results;) {
		unsigned long out[7] = { 1, 1, (unsigned long)results + done, sizeof results - done, 0, 0, 0 };

		done += (unsigned long)call(out);
	}
	unsigned long end[7] = { 231, 0, 0, 0, 0, 0, 0 };

	call(end);
	__builtin_unreachable();
}
